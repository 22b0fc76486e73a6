//! Messages for operators. Messages of the library name Rust types and options of the library.

use serde_saphyr::{DefaultMessageFormatter, Error as YamlError, MessageFormatter};

pub(super) fn of(error: &YamlError) -> String {
    of_keys(error)
        .or_else(|| of_values(error))
        .unwrap_or_else(|| DefaultMessageFormatter.format_message(error).into_owned())
}

fn of_keys(error: &YamlError) -> Option<String> {
    Some(match error {
        YamlError::SerdeUnknownField {
            field, expected, ..
        } if expected.is_empty() => format!("there is no key {field:?} here"),
        YamlError::SerdeUnknownField {
            field, expected, ..
        } => {
            let known = expected.join(", ");
            format!("there is no key {field:?} here, only {known}")
        }
        YamlError::SerdeMissingField { field, .. } => format!("the key {field:?} is missing"),
        YamlError::MultipleDocuments { .. } => {
            "the file may have one document only: remove the line --- and what follows it"
                .to_owned()
        }
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {key:?} occurs twice")
        }
        _ => return None,
    })
}

fn of_values(error: &YamlError) -> Option<String> {
    Some(match error {
        YamlError::NullIntoString { .. } | YamlError::InvalidCharNull { .. } => {
            "the key has no value: write one, or leave the key out".to_owned()
        }
        YamlError::Unexpected { expected, .. } => format!("{} belongs here", shape(expected)?),
        YamlError::InvalidScalar { ty, .. } => format!("{} belongs here", number(ty)?),
        YamlError::InvalidBooleanStrict { .. } => "true or false belongs here".to_owned(),
        YamlError::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        }
        | YamlError::SerdeInvalidType {
            unexpected,
            expected,
            ..
        } => format!("{} belongs here, not {unexpected}", number(expected)?),
        YamlError::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            // An empty text stands for the default.
            let named = expected.iter().filter(|name| !name.is_empty());
            let named: Vec<_> = named.map(|name| &**name).collect();
            format!("{variant:?} is not one of {}", named.join(", "))
        }
        _ => return None,
    })
}

fn shape(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "mapping start" => "a section, which is keys with values below it,",
        "sequence start" => "a list (such as [a, b])",
        "string scalar" | "scalar" => "a single value",
        _ => return None,
    })
}

fn number(ty: &str) -> Option<String> {
    let (least, ty) = match ty.strip_prefix("a nonzero ") {
        Some(ty) => (1, ty),
        None => (0, ty),
    };
    Some(match ty {
        "u8" => whole(least, u8::MAX),
        "u16" => whole(least, u16::MAX),
        "u32" => whole(least, u32::MAX),
        "u64" | "usize" => whole(least, u64::MAX),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" | "floating point" => "a number".to_owned(),
        "bool" | "boolean" => "true or false".to_owned(),
        _ => return None,
    })
}

fn whole(least: u8, most: impl Into<u64>) -> String {
    format!("a whole number from {least} to {}", most.into())
}
