//! Parsing the text into nodes with their positions.
//!
//! Scalars stay texts: `version: 1.10` is not the number 1.1.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::{ManifestError, ManifestErrorKind, Position};

/// The number of nodes of a manifest, with its aliases resolved.
const MAX_NODES: usize = 20_000;
const MAX_DEPTH: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct YamlNode {
    pub(super) position: Position,
    pub(super) value: YamlValue,
}

#[derive(Debug, Clone)]
pub(super) enum YamlValue {
    Null,
    Scalar(String),
    List(Vec<YamlNode>),
    Map(Vec<YamlField>),
}

#[derive(Debug, Clone)]
pub(super) struct YamlField {
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) value: YamlNode,
}

impl YamlNode {
    /// Whether the value is neither null nor an empty text, which templates leave for keys that
    /// are not set.
    pub(super) fn is_set(&self) -> bool {
        match &self.value {
            YamlValue::Null => false,
            YamlValue::Scalar(text) => !text.is_empty(),
            YamlValue::List(_) | YamlValue::Map(_) => true,
        }
    }

    /// The value as an error message shows it.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            YamlValue::Null => "nothing".to_owned(),
            YamlValue::Scalar(text) => format!("{text:?}"),
            YamlValue::List(_) => "a list".to_owned(),
            YamlValue::Map(_) => "a map".to_owned(),
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            YamlValue::Null | YamlValue::Scalar(_) => 0,
            YamlValue::List(items) => items.iter().map(Self::count).sum(),
            YamlValue::Map(fields) => fields.iter().map(|field| 1 + field.value.count()).sum(),
        }
    }
}

/// Parses the text, which must contain one document. An empty text is an empty manifest.
pub(super) fn parse(text: &str) -> Result<YamlNode, ManifestError> {
    let mut reader = YamlReader {
        events: Box::new(Parser::new_from_str(text)),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            Event::StreamEnd => return Ok(root.unwrap_or_else(|| empty(span.start))),
            // Templates end documents with `---`, which starts another, empty one.
            Event::Scalar(text, style, ..) if root.is_some() && is_null(&text, style) => {}
            _ if root.is_some() => {
                return Err(syntax(span.start, "there is a second YAML document"));
            }
            event => root = Some(reader.node(event, span, MAX_DEPTH)?),
        }
    }
}

fn empty(at: Marker) -> YamlNode {
    YamlNode {
        position: position(at),
        value: YamlValue::Null,
    }
}

type ParseResult<'t> = Result<(Event<'t>, Span), serde_saphyr::granit_parser::ScanError>;

struct YamlReader<'t> {
    events: Box<dyn Iterator<Item = ParseResult<'t>> + 't>,
    anchors: HashMap<usize, YamlNode>,
    nodes: usize,
}

impl<'t> YamlReader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), ManifestError> {
        let is_presentation = |next: &ParseResult<'t>| {
            matches!(next, Ok((Event::Comment(..) | Event::Anchor(..), _)))
        };
        let next = self.events.find(|next| !is_presentation(next));
        let next =
            next.unwrap_or_else(|| Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))));
        next.map_err(|error| syntax(*error.marker(), &error.info()))
    }

    fn node(
        &mut self,
        event: Event<'t>,
        span: Span,
        depth: usize,
    ) -> Result<YamlNode, ManifestError> {
        let position = position(span.start);
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(text, style)),
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(span, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(span, depth)?),
            Event::Alias(anchor) => (0, self.alias(anchor, span)?),
            _ => return Err(syntax(span.start, "a value is missing")),
        };
        self.count(1, span)?;
        let node = YamlNode { position, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<YamlValue, ManifestError> {
        let depth = deeper(depth, start)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(YamlValue::List(items)),
                (event, span) => items.push(self.node(event, span, depth)?),
            }
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<YamlValue, ManifestError> {
        let depth = deeper(depth, start)?;
        let mut fields = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                add_merged(&mut fields, merged);
                return Ok(YamlValue::Map(fields));
            }
            let is_merge = is_merge_key(&event);
            let key = self.node(event, span, depth)?;
            let YamlValue::Scalar(text) = key.value else {
                return Err(syntax(span.start, "a key must be plain text"));
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth)?;
            if is_merge {
                merged.extend(merged_fields(value, span)?);
                continue;
            }
            fields.push(YamlField {
                key: text,
                position: key.position,
                value,
            });
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<YamlValue, ManifestError> {
        let unknown = || syntax(span.start, "the alias is unknown");
        let node = self.anchors.get(&anchor).ok_or_else(unknown)?;
        let (count, value) = (node.count(), node.value.clone());
        self.count(count, span)?;
        Ok(value)
    }

    fn count(&mut self, count: usize, span: Span) -> Result<(), ManifestError> {
        self.nodes += count;
        if self.nodes > MAX_NODES {
            return Err(syntax(span.start, "there are too many values"));
        }
        Ok(())
    }
}

fn is_merge_key(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<")
}

/// The fields that a merge key adds: those of a map, or of a list of maps.
fn merged_fields(value: YamlNode, span: Span) -> Result<Vec<YamlField>, ManifestError> {
    match value.value {
        YamlValue::Null => Ok(Vec::new()),
        YamlValue::Map(fields) => Ok(fields),
        YamlValue::List(items) => {
            let maps = items.into_iter().map(|item| match item.value {
                YamlValue::Map(fields) => Ok(fields),
                _ => Err(syntax(span.start, "a merge key needs a map")),
            });
            let maps: Vec<_> = maps.collect::<Result<_, _>>()?;
            Ok(maps.into_iter().flatten().collect())
        }
        YamlValue::Scalar(_) => Err(syntax(span.start, "a merge key needs a map")),
    }
}

/// Adds merged fields. The own fields of the map, and of maps that are merged first, take precedence.
fn add_merged(fields: &mut Vec<YamlField>, merged: Vec<YamlField>) {
    if merged.is_empty() {
        return;
    }
    let mut keys: HashSet<_> = fields.iter().map(|field| field.key.clone()).collect();
    let new = merged
        .into_iter()
        .filter(|field| keys.insert(field.key.clone()));
    fields.extend(new);
}

fn deeper(depth: usize, span: Span) -> Result<usize, ManifestError> {
    let deeper = depth.checked_sub(1);
    deeper.ok_or_else(|| syntax(span.start, "values are nested too deeply"))
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> YamlValue {
    if is_null(&text, style) {
        YamlValue::Null
    } else {
        YamlValue::Scalar(text.into_owned())
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

fn syntax(at: Marker, message: &str) -> ManifestError {
    ManifestError {
        key: String::new(),
        position: Some(position(at)),
        kind: ManifestErrorKind::Syntax(message.to_owned()),
    }
}
