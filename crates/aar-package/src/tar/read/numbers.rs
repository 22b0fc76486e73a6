use super::malformed;
use std::io;

/// A number of a header: octal digits between spaces and NULs, or binary where the first bit is set. A
/// blank field, as minimal programs leave it, is zero.
pub(super) fn number(field: &[u8]) -> io::Result<u64> {
    let invalid = || malformed("a number in a header is malformed");
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        let fits = high.iter().all(|byte| matches!(byte, 0 | 0x80));
        let low: [u8; 8] = low.try_into().map_err(|_| invalid())?;
        return Some(u64::from_be_bytes(low))
            .filter(|_| fits)
            .ok_or_else(invalid);
    }
    let end = |byte: &u8| *byte == 0;
    let text = field
        .split(end)
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    match std::str::from_utf8(text.trim_ascii()).map_err(|_| invalid())? {
        "" => Ok(0),
        digits => u64::from_str_radix(digits, 8).map_err(|_| invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_octal_binary_or_blank() {
        for (field, expected) in [
            (&b"00000000017\0"[..], 15),
            (b"     17 ", 15),
            (b"\0\0\0\0", 0),
            (b"        ", 0),
            (b"777777777777", 0o777_777_777_777),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\x01", 0x0002_0000_0001),
        ] {
            assert_eq!(number(field).unwrap(), expected, "{field:?}");
        }
        for field in [
            &b"8\0"[..],
            b"-1",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x80",
        ] {
            assert!(number(field).is_err(), "{field:?}");
        }
    }
}
