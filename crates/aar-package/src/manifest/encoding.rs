/// Decodes the text of a manifest: UTF-8, or UTF-16 with a byte order mark, as `>` of Windows
/// PowerShell writes it. Returns none for any other encoding.
pub(crate) fn decode(bytes: Vec<u8>) -> Option<String> {
    let text = match &*bytes {
        [0xff, 0xfe, units @ ..] => utf16(units, u16::from_le_bytes)?,
        [0xfe, 0xff, units @ ..] => utf16(units, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, text @ ..] => std::str::from_utf8(text).ok()?.to_owned(),
        _ => String::from_utf8(bytes).ok()?,
    };
    Some(text)
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<String> {
    let (units, tail) = bytes.as_chunks();
    let units: Vec<_> = units.iter().copied().map(unit).collect();
    String::from_utf16(&units).ok().filter(|_| tail.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_by_its_byte_order_mark() {
        let units: Vec<_> = "\u{feff}name: \u{fc}\r\n".encode_utf16().collect();
        let little = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            little,
            big,
            "\u{feff}name: \u{fc}\r\n".into(),
            "name: \u{fc}\r\n".into(),
        ] {
            assert_eq!(decode(bytes).as_deref(), Some("name: \u{fc}\r\n"));
        }
    }

    #[test]
    fn text_in_another_encoding_is_refused() {
        for bytes in [&b"name: \xfc"[..], b"\xff\xfea", b"\xff\xfe\0\xd8"] {
            assert_eq!(decode(bytes.to_owned()), None, "{bytes:?}");
        }
    }
}
