//! Names of subjects as text, with the escapes of RFC 4514.

use std::fmt::Write;

use x509_parser::{
    objects::{oid_registry, oid2abbrev},
    prelude::X509Name,
    x509::AttributeTypeAndValue,
};

/// Attributes in the order of the certificate, separated by commas.
pub(super) fn distinguished_name(name: &X509Name<'_>) -> String {
    let parts = name.iter_rdn().map(|rdn| {
        let attributes: Vec<_> = rdn.iter().map(attribute).collect();
        attributes.join("+")
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The last common name, which is the most specific one.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().last().map(value)
}

/// The last common name in the text of a [subject](crate::Certificate::subject).
pub fn common_name_of(distinguished_name: &str) -> Option<String> {
    let attributes = attributes(distinguished_name).into_iter();
    let mut names = attributes.filter_map(|one| Some(one.strip_prefix(b"CN=")?.to_vec()));
    let name = names.next_back()?;
    Some(String::from_utf8_lossy(&name).into_owned())
}

/// The attributes, without escapes: a comma or a plus sign in a value separates nothing.
fn attributes(distinguished_name: &str) -> Vec<Vec<u8>> {
    let mut attributes = vec![Vec::new()];
    let mut rest = distinguished_name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (value, after) = match (byte, after) {
            (b'\\', after) => escaped(after),
            (b',' | b'+', after) => {
                attributes.push(Vec::new());
                (None, after.strip_prefix(b" ").unwrap_or(after))
            }
            (byte, after) => (Some(byte), after),
        };
        if let Some(last) = attributes.last_mut() {
            last.extend(value);
        }
        rest = after;
    }
    attributes
}

/// The byte behind a backslash: two hexadecimal digits, or the byte itself.
fn escaped(text: &[u8]) -> (Option<u8>, &[u8]) {
    let digits = text
        .get(..2)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        Some(byte) => (Some(byte), &text[2..]),
        None => (text.first().copied(), text.get(1..).unwrap_or_default()),
    }
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type();
    let value = escape(&value(attribute));
    match oid2abbrev(oid, oid_registry()) {
        Ok(short) => format!("{short}={value}"),
        Err(_) => format!("{}={value}", oid.to_id_string()),
    }
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    let raw = attribute.attr_value();
    match raw.tag().0 {
        // BMPString and UniversalString: characters of two and four bytes.
        30 => wide(raw.data, 2),
        28 => wide(raw.data, 4),
        // A T61String is Latin-1 in practice.
        _ => match std::str::from_utf8(raw.data) {
            Ok(text) => text.to_owned(),
            Err(_) => raw.data.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

fn wide(bytes: &[u8], size: usize) -> String {
    let code = |unit: &[u8]| unit.iter().fold(0_u32, |sum, b| sum << 8 | u32::from(*b));
    let characters = bytes.chunks(size).map(code);
    characters
        .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn escape(value: &str) -> String {
    let mut escaped = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (position, character) in value.chars().enumerate() {
        let is_edge_space = character == ' ' && (position == 0 || position == last);
        let is_first_hash = character == '#' && position == 0;
        if is_edge_space || is_first_hash || r#"",+;<>\"#.contains(character) {
            escaped.push('\\');
            escaped.push(character);
        } else if character.is_control() {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                let _infallible = write!(escaped, "\\{byte:02X}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_name_is_not_read_out_of_another_attribute() {
        for (subject, expected) in [
            (r"O=x\, CN=admin, CN=guest", Some("guest")),
            (r"CN=guest, O=x\, CN=admin", Some("guest")),
            (r"O=x\+CN=admin", None),
            ("O=x+CN=guest", Some("guest")),
            ("CN=first, CN=last", Some("last")),
            ("", None),
        ] {
            assert_eq!(common_name_of(subject).as_deref(), expected, "{subject}");
        }
    }

    #[test]
    fn escaped_common_name_is_read_back() {
        for name in ["a, b", " a ", "#a", r"a\41", "a\nb", "ä+\"<;>", ""] {
            let subject = format!("O=x, CN={}", escape(name));
            assert_eq!(common_name_of(&subject).as_deref(), Some(name), "{subject}");
        }
    }
}
