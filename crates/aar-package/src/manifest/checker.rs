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
    /// The unknown keys. They are no errors: manifests for newer programs have more keys.
    warnings: Vec<ManifestError>,
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
    /// A key of the map. A key without a value, or with an empty text, counts as absent.
    pub(super) fn key(&self, name: &str) -> ManifestKey<'n> {
        let field = self.fields.iter().find(|field| field.key == name);
        let node = field.map(|field| &field.value);
        ManifestKey {
            path: join(&self.path, name),
            node: node.filter(|node| node.is_set()),
        }
    }

    /// A key that has two spellings.
    pub(super) fn key_or(&self, name: &str, alias: &str) -> ManifestKey<'n> {
        let key = self.key(name);
        match key.node {
            Some(_) => key,
            None => self.key(alias),
        }
    }

    /// All keys of a map whose keys are free to choose.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'n str, Position, ManifestKey<'n>)> {
        self.fields.iter().map(|field| {
            let path = join(&self.path, &field.key);
            let node = Some(&field.value).filter(|node| node.is_set());
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

/// The decimal digits of an integer that is written as `0x15B7`, `0o17`, `017`, `0b11`, `5_559`,
/// `4.0` or `4e3`.
fn decimal(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text).replace('_', "");
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let in_radix = |digits: &str, radix| {
        let signed = digits.starts_with(['+', '-']);
        u64::from_str_radix(digits, radix).ok().filter(|_| !signed)
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = match lower.get(..2) {
        Some("0x") => return in_radix(&lower[2..], 16).map(|number| number.to_string()),
        Some("0o") => return in_radix(&lower[2..], 8).map(|number| number.to_string()),
        Some("0b") => return in_radix(&lower[2..], 2).map(|number| number.to_string()),
        _ if lower.starts_with('0') && lower.len() > 1 => in_radix(&lower, 8),
        _ => None,
    };
    let integer = prefixed.or_else(|| in_radix(&lower, 10));
    integer
        .map(|number| number.to_string())
        .or_else(|| integral_float(&lower))
}

fn integral_float(text: &str) -> Option<String> {
    /// Every integer up to here has an exact floating-point form.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-');
    let number: f64 = text.parse().ok().filter(|_| text.chars().all(plain))?;
    let integral = number.fract() == 0.0 && (0.0..=MAX_EXACT).contains(&number);
    integral.then(|| format!("{number:.0}"))
}

impl ManifestChecker {
    pub(super) fn add(&mut self, error: ManifestError) {
        self.errors.push(error);
    }

    /// Returns the result and the warnings, or the errors if there are any. The errors include the
    /// warnings then: an unknown key may be the misspelled form of a missing one.
    pub(super) fn finish<T>(
        mut self,
        result: Option<T>,
    ) -> Result<(T, Vec<ManifestError>), ManifestErrors> {
        let by_position = |error: &ManifestError| (error.position.is_none(), error.position);
        match result {
            Some(result) if self.errors.is_empty() => {
                self.warnings.sort_by_key(by_position);
                Ok((result, self.warnings))
            }
            _ => {
                self.errors.append(&mut self.warnings);
                self.errors.sort_by_key(by_position);
                Err(ManifestErrors::new(self.errors))
            }
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
                self.warnings.push(ManifestError {
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

    /// The value of an optional key that is an integer, in any of the forms of YAML 1.1.
    pub(super) fn integer<T>(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl Fn(&str) -> Result<T, AllowedForm>,
    ) -> Option<T> {
        self.value(key, |text| match decimal(text) {
            Some(decimal) => rule(&decimal),
            None => rule(text),
        })
    }

    pub(super) fn required<T>(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl FnOnce(&str) -> Result<T, AllowedForm>,
        allowed: AllowedForm,
    ) -> Option<T> {
        self.require(key, allowed);
        self.value(key, rule)
    }

    pub(super) fn required_integer<T>(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl Fn(&str) -> Result<T, AllowedForm>,
        allowed: AllowedForm,
    ) -> Option<T> {
        self.require(key, allowed);
        self.integer(key, rule)
    }

    fn require(&mut self, key: &ManifestKey<'_>, allowed: AllowedForm) {
        if key.node.is_none() {
            self.add(ManifestError {
                key: key.path.clone(),
                position: None,
                kind: ManifestErrorKind::MissingKey {
                    allowed: allowed.to_owned(),
                },
            });
        }
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

    /// A list in which a single `*` stands for all values, or the text `*` instead of a list.
    pub(super) fn list_or_all(
        &mut self,
        key: &ManifestKey<'_>,
        rule: impl Fn(&str) -> Result<String, AllowedForm>,
    ) -> Vec<String> {
        if let Some(YamlValue::Scalar(text)) = key.node.map(|node| &node.value)
            && text == "*"
        {
            return vec![text.clone()];
        }
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
