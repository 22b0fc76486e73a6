//! Records of pax headers: `LENGTH KEY=VALUE\n`, where the length includes its own digits.

use std::io;

pub(super) fn write(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let bare = key.len() + value.len() + " =\n".len();
    let mut length = bare + digits(bare);
    length = bare + digits(length);
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}

/// Reads the first record. Returns its key, its value and the remaining records.
pub(super) fn read(records: &[u8]) -> io::Result<(&[u8], &[u8], &[u8])> {
    parse(records).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "an extended header is malformed",
        )
    })
}

fn parse(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let (record, tail) = records.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_length_includes_its_own_digits() {
        for (value, length) in [
            (1, "9 "),
            (2, "11 "),
            (90, "99 "),
            (91, "101 "),
            (92, "102 "),
        ] {
            let mut records = Vec::new();
            write(&mut records, "path", &vec![b'x'; value]);
            let text = String::from_utf8(records.clone()).unwrap();
            assert!(text.starts_with(length), "{text}");
            assert_eq!(length.trim().parse(), Ok(records.len()));
        }
    }

    #[test]
    fn records_with_any_value_are_read_back() {
        let mut records = Vec::new();
        write(&mut records, "a", b"x\ny=z");
        write(&mut records, "b", b"");
        let (key, value, tail) = read(&records).unwrap();
        assert_eq!((key, value), (&b"a"[..], &b"x\ny=z"[..]));
        let (key, value, tail) = read(tail).unwrap();
        assert_eq!((key, value, tail), (&b"b"[..], &b""[..], &b""[..]));
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            "", "x", "5 a=b", "99 a=b\n", "2 a=b\n", "6 ab\n", "-6 a=b\n", "6 a=bb",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
