//! Reading values from nodes and collecting the errors.

use std::collections::HashSet;

use aar_types::rules::{self, AllowedForm};

use super::{
    ManifestError, ManifestErrorKind, ManifestErrors, Position,
    document::{YamlField, YamlNode, YamlValue},
};
use crate::{Limits, path::EntryPath};

#[derive(Debug, Default)]
pub(super) struct ManifestChecker {
    errors: Vec<ManifestError>,
}

/// The fields of a map and the path of the map.
pub(super) struct MapFields<'n> {
    path: String,
    fields: &'n [YamlField],
}

/// A key and its node, if the manifest has the key.
pub(super) struct ManifestKey<'n> {
    /// The full path of the key.
    pub(super) path: String,
    pub(super) node: Option<&'n YamlNode>,
}

impl<'n> MapFields<'n> {
    /// A key of the map. A key without a value counts as absent.
    pub(super) fn key(&self, name: &str) -> ManifestKey<'n> {
        let field = self.fields.iter().find(|field| field.key == name);
        let node = field.map(|field| &field.value);
        ManifestKey {
            path: join(&self.path, name),
            node: node.filter(|node| !matches!(node.value, YamlValue::Null)),
        }
    }

    /// All keys of a map whose keys are free to choose.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'n str, Position, ManifestKey<'n>)> {
        self.fields.iter().map(|field| {
            let path = join(&self.path, &field.key);
            let node = Some(&field.value);
            let key = ManifestKey { path, node };
            (field.key.as_str(), field.position, key)
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

impl ManifestChecker {
    pub(super) fn add(&mut self, error: ManifestError) {
        self.errors.push(error);
    }

    /// Returns the result, or the errors if there are any.
    pub(super) fn finish<T>(mut self, result: Option<T>) -> Result<T, ManifestErrors> {
        self.errors
            .sort_by_key(|error| (error.position.is_none(), error.position));
        match result {
            Some(result) if self.errors.is_empty() => Ok(result),
            _ => Err(ManifestErrors::new(self.errors)),
        }
    }

    /// Adds an error for the value of a key, if the key has one.
    pub(super) fn refuse(&mut self, key: &ManifestKey<'_>, allowed: impl Into<String>) {
        if let Some(node) = key.node {
            self.refuse_value(&key.path, Some(node.position), node.shown(), allowed.into());
        }
    }

    fn refuse_value(&mut self, key: &str, at: Option<Position>, found: String, allowed: String) {
        self.add(ManifestError {
            key: key.to_owned(),
            position: at,
            kind: ManifestErrorKind::InvalidValue { found, allowed },
        });
    }

    /// The fields of a map with fixed keys.
    pub(super) fn fields<'n>(
        &mut self,
        key: &ManifestKey<'n>,
        known: &'static [&'static str],
    ) -> MapFields<'n> {
        let fields = self.map(key);
        for field in fields.fields {
            if !known.contains(&field.key.as_str()) {
                self.add(ManifestError {
                    key: join(&fields.path, &field.key),
                    position: Some(field.position),
                    kind: ManifestErrorKind::UnknownKey { known },
                });
            }
        }
        fields
    }

    /// The fields of a map whose keys are free to choose.
    pub(super) fn map<'n>(&mut self, key: &ManifestKey<'n>) -> MapFields<'n> {
        let fields = match key.node.map(|node| &node.value) {
            None => &[][..],
            Some(YamlValue::Map(fields)) => fields,
            Some(_) => {
                self.refuse(key, "a map of keys and values");
                &[]
            }
        };
        let path = key.path.clone();
        self.refuse_duplicates(&path, fields);
        MapFields { path, fields }
    }

    fn refuse_duplicates(&mut self, path: &str, fields: &[YamlField]) {
        let mut seen = HashSet::new();
        for field in fields {
            if !seen.insert(&field.key) {
                self.add(ManifestError {
                    key: join(path, &field.key),
                    position: Some(field.position),
                    kind: ManifestErrorKind::DuplicateKey,
                });
            }
        }
    }

    /// The value of an optional key.
    pub(super) fn value<T>(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl FnOnce(&str) -> Result<T, AllowedForm>,
    ) -> Option<T> {
        let checked = match &key.node?.value {
            YamlValue::Scalar(text) => rule(text),
            _ => Err(rule("").err().unwrap_or("a single value")),
        };
        checked.map_err(|allowed| self.refuse(key, allowed)).ok()
    }

    pub(super) fn required<T>(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl FnOnce(&str) -> Result<T, AllowedForm>,
        allowed: AllowedForm,
    ) -> Option<T> {
        if key.node.is_none() {
            self.add(ManifestError {
                key: key.path.clone(),
                position: None,
                kind: ManifestErrorKind::MissingKey {
                    allowed: allowed.to_owned(),
                },
            });
        }
        self.value(key, rule)
    }

    pub(super) fn items<'n>(&mut self, key: &ManifestKey<'n>) -> Vec<ManifestKey<'n>> {
        let items = match key.node.map(|node| &node.value) {
            None => &[][..],
            Some(YamlValue::List(items)) => items,
            Some(_) => {
                self.refuse(key, "a list");
                &[]
            }
        };
        let item = |(index, node)| ManifestKey {
            path: format!("{}[{index}]", key.path),
            node: Some(node),
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(super) fn list<T>(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl Fn(&str) -> Result<T, AllowedForm>,
    ) -> Vec<T> {
        let items = self.items(key);
        items
            .iter()
            .filter_map(|item| self.value(item, &rule))
            .collect()
    }

    /// A list in which a single `*` stands for all values.
    pub(super) fn list_or_all(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl Fn(&str) -> Result<String, AllowedForm>,
    ) -> Vec<String> {
        let values = self.list(key, |text| match text {
            "*" => Ok(text.to_owned()),
            _ => rule(text),
        });
        if let Some(node) = key.node
            && values.len() > 1
            && values.iter().any(|value| value == "*")
        {
            self.refuse_value(
                &key.path,
                Some(node.position),
                "\"*\" among other values".to_owned(),
                "\"*\" alone, or a list of names".to_owned(),
            );
        }
        values
    }

    /// Checks a name in `extra-data`: the path of a file below that folder of the package.
    pub(super) fn check_extra_data_name(&mut self, key: &str, name: &str, at: Position) {
        let path = EntryPath::parse(name.as_bytes(), &Limits::default());
        if !matches!(path, Ok(Some(_))) {
            let allowed = "a path below extra-data in the package".to_owned();
            self.refuse_value(key, Some(at), format!("{name:?}"), allowed);
        }
    }

    /// Checks a target in `extra-data` against the boot package.
    pub(super) fn check_target(&mut self, name: &str, target: &str, boot_package: &str) {
        if let Err(allowed) = rules::target(target, boot_package) {
            let key = format!("extra-data.{name}.target");
            self.refuse_value(&key, None, format!("{target:?}"), allowed);
        }
    }
}
