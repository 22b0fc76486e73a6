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
