//! Reads values out of nodes and collects what is wrong with them.

use std::collections::HashSet;

use aar_types::rules::{self, Allowed};

use super::{
    Complaint, ManifestErrors, Position, Reason,
    document::{Field, Node, Value},
};
use crate::{Limits, path::EntryPath};

/// The complaints so far.
#[derive(Debug, Default)]
pub(super) struct Check {
    complaints: Vec<Complaint>,
}

/// The fields of a map, with the path that leads to it.
pub(super) struct Fields<'n> {
    path: String,
    fields: &'n [Field],
}

/// A place at which a value may stand.
pub(super) struct At<'n> {
    pub(super) key: String,
    pub(super) node: Option<&'n Node>,
}

impl<'n> Fields<'n> {
    /// The place of a key. A key without a value is as good as none.
    pub(super) fn at(&self, name: &str) -> At<'n> {
        let field = self.fields.iter().find(|field| field.key == name);
        let node = field.map(|field| &field.value);
        At {
            key: join(&self.path, name),
            node: node.filter(|node| !matches!(node.value, Value::Null)),
        }
    }

    /// The places of all keys, where their names are up to the author.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'n str, Position, At<'n>)> {
        self.fields.iter().map(|field| {
            let key = join(&self.path, &field.key);
            let node = Some(&field.value);
            (field.key.as_str(), field.position, At { key, node })
        })
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

impl Check {
    pub(super) fn complain(&mut self, complaint: Complaint) {
        self.complaints.push(complaint);
    }

    /// The result, if there is nothing to complain about.
    pub(super) fn finish<T>(mut self, result: Option<T>) -> Result<T, ManifestErrors> {
        self.complaints
            .sort_by_key(|complaint| (complaint.position.is_none(), complaint.position));
        match result {
            Some(result) if self.complaints.is_empty() => Ok(result),
            _ => Err(ManifestErrors::new(self.complaints)),
        }
    }

    /// Complains about the value that stands there, if one does.
    pub(super) fn refuse_at(&mut self, at: &At<'_>, allowed: impl Into<String>) {
        if let Some(node) = at.node {
            self.refuse(&at.key, node, allowed);
        }
    }

    fn refuse(&mut self, key: &str, node: &Node, allowed: impl Into<String>) {
        self.refuse_value(key, Some(node.position), node.shown(), allowed.into());
    }

    fn refuse_value(&mut self, key: &str, at: Option<Position>, found: String, allowed: String) {
        self.complain(Complaint {
            key: key.to_owned(),
            position: at,
            reason: Reason::Value { found, allowed },
        });
    }

    /// The fields of a map with fixed keys.
    pub(super) fn fields<'n>(
        &mut self,
        at: &At<'n>,
        allowed: &'static [&'static str],
    ) -> Fields<'n> {
        let fields = self.map(at);
        for field in fields.fields {
            if !allowed.contains(&field.key.as_str()) {
                self.complain(Complaint {
                    key: join(&fields.path, &field.key),
                    position: Some(field.position),
                    reason: Reason::UnknownKey { allowed },
                });
            }
        }
        fields
    }

    /// The fields of a map whose keys are up to the author.
    pub(super) fn map<'n>(&mut self, at: &At<'n>) -> Fields<'n> {
        let fields = match at.node.map(|node| (node, &node.value)) {
            None => &[][..],
            Some((_, Value::Map(fields))) => fields,
            Some((node, _)) => {
                self.refuse(&at.key, node, "a map of keys and values");
                &[]
            }
        };
        let path = at.key.clone();
        self.refuse_duplicates(&path, fields);
        Fields { path, fields }
    }

    fn refuse_duplicates(&mut self, path: &str, fields: &[Field]) {
        let mut seen = HashSet::new();
        for field in fields {
            if !seen.insert(&field.key) {
                self.complain(Complaint {
                    key: join(path, &field.key),
                    position: Some(field.position),
                    reason: Reason::DuplicateKey,
                });
            }
        }
    }

    /// The value of a key that may be left out.
    pub(super) fn value<T>(
        &mut self,
        at: &At<'_>,
        rule: impl FnOnce(&str) -> Result<T, Allowed>,
    ) -> Option<T> {
        let node = at.node?;
        let Value::Scalar(text) = &node.value else {
            let allowed = rule("").err().unwrap_or("a single value");
            self.refuse(&at.key, node, allowed);
            return None;
        };
        rule(text)
            .map_err(|allowed| self.refuse(&at.key, node, allowed))
            .ok()
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        at: &At<'_>,
        rule: impl FnOnce(&str) -> Result<T, Allowed>,
        allowed: Allowed,
    ) -> Option<T> {
        if at.node.is_none() {
            self.complain(Complaint {
                key: at.key.clone(),
                position: None,
                reason: Reason::Missing {
                    allowed: allowed.to_owned(),
                },
            });
        }
        self.value(at, rule)
    }

    /// The places of the items of a list.
    pub(super) fn items<'n>(&mut self, at: &At<'n>) -> Vec<At<'n>> {
        let items = match at.node.map(|node| (node, &node.value)) {
            None => return Vec::new(),
            Some((_, Value::List(items))) => items,
            Some((node, _)) => {
                self.refuse(&at.key, node, "a list");
                return Vec::new();
            }
        };
        let place = |(index, node)| At {
            key: format!("{}[{index}]", at.key),
            node: Some(node),
        };
        items.iter().enumerate().map(place).collect()
    }

    /// The values of a list.
    pub(super) fn list<T>(
        &mut self,
        at: &At<'_>,
        rule: impl Fn(&str) -> Result<T, Allowed>,
    ) -> Vec<T> {
        let items = self.items(at);
        items
            .iter()
            .filter_map(|item| self.value(item, &rule))
            .collect()
    }

    /// Values of a list in which `*` stands for all, and then stands alone.
    pub(super) fn list_or_all(
        &mut self,
        at: &At<'_>,
        rule: impl Fn(&str) -> Result<String, Allowed>,
    ) -> Vec<String> {
        let values = self.list(at, |text| match text {
            "*" => Ok(text.to_owned()),
            _ => rule(text),
        });
        if let Some(node) = at.node
            && values.len() > 1
            && values.iter().any(|value| value == "*")
        {
            self.refuse_value(
                &at.key,
                Some(node.position),
                "\"*\" among others".to_owned(),
                "\"*\" alone, or a list of names".to_owned(),
            );
        }
        values
    }

    /// The name of an entry of `extra-data`: where it is below that folder of the package.
    pub(super) fn extra_data_name(&mut self, key: &str, name: &str, at: Position) {
        let path = EntryPath::parse(name.as_bytes(), &Limits::default());
        if !matches!(path, Ok(Some(_))) {
            let allowed = "a path below extra-data in the package".to_owned();
            self.refuse_value(key, Some(at), format!("{name:?}"), allowed);
        }
    }

    /// The target of an entry of `extra-data`, once the boot package is known.
    pub(super) fn target(&mut self, name: &str, target: &str, boot_package: &str) {
        if let Err(allowed) = rules::target(target, boot_package) {
            let key = format!("extra-data.{name}.target");
            self.refuse_value(&key, None, format!("{target:?}"), allowed);
        }
    }
}
