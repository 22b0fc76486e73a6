//! From the text to a tree of nodes that know their place.
//!
//! Scalars stay the text they are: `version: 1.10` is not the number 1.1.

use std::{borrow::Cow, collections::HashMap};

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::{Complaint, Position, Reason};

/// The most nodes a manifest may have once its aliases are resolved, and how deep they may nest.
const MAX_NODES: usize = 20_000;
const MAX_DEPTH: usize = 16;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) position: Position,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Field>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) value: Node,
}

impl Node {
    /// How the value is shown in a complaint.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(fields) => fields.iter().map(|field| 1 + field.value.count()).sum(),
        }
    }
}

/// Reads the one document of the text. An empty text is an empty manifest.
pub(super) fn parse(text: &str) -> Result<Node, Complaint> {
    let mut reader = Reader {
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
            _ if root.is_some() => return Err(syntax(span.start, "there is a second document")),
            event => root = Some(reader.node(event, span, MAX_DEPTH)?),
        }
    }
}

fn empty(at: Marker) -> Node {
    Node {
        position: position(at),
        value: Value::Null,
    }
}

type ParseResult<'t> = Result<(Event<'t>, Span), serde_saphyr::granit_parser::ScanError>;

struct Reader<'t> {
    events: Box<dyn Iterator<Item = ParseResult<'t>> + 't>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Complaint> {
        let next = self.events.next();
        let next =
            next.unwrap_or_else(|| Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))));
        next.map_err(|error| syntax(*error.marker(), &error.info()))
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Complaint> {
        let position = position(span.start);
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(text, style)),
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(span, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(span, depth)?),
            Event::Alias(anchor) => (0, self.alias(anchor, span)?),
            _ => return Err(syntax(span.start, "a value is missing")),
        };
        self.count(1, span)?;
        let node = Node { position, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Value, Complaint> {
        let depth = deeper(depth, start)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth)?),
            }
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Value, Complaint> {
        let depth = deeper(depth, start)?;
        let mut fields = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Map(fields));
            }
            let key = self.node(event, span, depth)?;
            let Value::Scalar(text) = key.value else {
                return Err(syntax(span.start, "a key must be plain text"));
            };
            let (event, span) = self.next()?;
            fields.push(Field {
                key: text,
                position: key.position,
                value: self.node(event, span, depth)?,
            });
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Value, Complaint> {
        let unknown = || syntax(span.start, "the alias stands for nothing");
        let node = self.anchors.get(&anchor).ok_or_else(unknown)?;
        let (count, value) = (node.count(), node.value.clone());
        self.count(count, span)?;
        Ok(value)
    }

    fn count(&mut self, count: usize, span: Span) -> Result<(), Complaint> {
        self.nodes += count;
        if self.nodes > MAX_NODES {
            return Err(syntax(span.start, "there are too many values"));
        }
        Ok(())
    }
}

fn deeper(depth: usize, span: Span) -> Result<usize, Complaint> {
    let deeper = depth.checked_sub(1);
    deeper.ok_or_else(|| syntax(span.start, "values are nested too deep"))
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    let null = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
    if null && style == ScalarStyle::Plain {
        Value::Null
    } else {
        Value::Scalar(text.into_owned())
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

fn syntax(at: Marker, message: &str) -> Complaint {
    Complaint {
        key: String::new(),
        position: Some(position(at)),
        reason: Reason::Syntax(message.to_owned()),
    }
}
