//! Looking up a text in `resources.arsc`.
//!
//! The table is searched in place. General parsers build the whole table with a copy for each
//! reference and follow references without limit, so a small malicious table would take all memory.

use super::typed_value::{STRING, TypedValue};

// Types of chunks.
const STRING_POOL: u16 = 0x0001;
const TABLE: u16 = 0x0002;
const PACKAGE: u16 = 0x0200;
const TYPE: u16 = 0x0201;

// Flags: of the offsets of a type chunk, and of an entry.
const SPARSE: u8 = 0x01;
const SHORT_OFFSETS: u8 = 0x02;
const COMPLEX: u16 = 0x0001;
const COMPACT: u16 = 0x0008;

/// The number of references from one resource to the next that are followed.
const MAX_REFERENCES: usize = 8;

/// Longer texts are no version names.
const MAX_TEXT: usize = 1000;

/// The text of a resource, or none for a resource that has none.
pub(super) fn text(table: &[u8], id: u32) -> Option<String> {
    let (table, value) = resolve(table, id)?;
    if value.value_type != STRING {
        return value.coerced();
    }
    let mut children = table.children();
    let pool = children.find(|chunk| chunk.chunk_type == STRING_POOL)?;
    string(&pool, value.data)
}

/// The value of a resource that is an integer.
pub(super) fn integer(table: &[u8], id: u32) -> Option<u32> {
    resolve(table, id)?.1.integer()
}

/// Follows references from a resource to a value.
fn resolve(table: &[u8], mut id: u32) -> Option<(TableChunk<'_>, TypedValue)> {
    let table = chunks(table).find(|chunk| chunk.chunk_type == TABLE)?;
    for _ in 0..MAX_REFERENCES {
        let (value_type, data) = value(&table, id)?;
        let value = TypedValue { value_type, data };
        match value.reference() {
            Some(other) => id = other,
            None => return Some((table, value)),
        }
    }
    None
}

/// A text of a string pool, which starts at the first byte.
pub(super) fn pool_string(pool: &[u8], index: u32) -> Option<String> {
    string(&chunks(pool).next()?, index)
}

/// A part of the table: a header, followed by content or by other chunks.
struct TableChunk<'t> {
    chunk_type: u16,
    header_size: usize,
    bytes: &'t [u8],
}

impl<'t> TableChunk<'t> {
    fn children(&self) -> impl Iterator<Item = TableChunk<'t>> + use<'t> {
        chunks(self.bytes.get(self.header_size..).unwrap_or_default())
    }
}

fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = TableChunk<'_>> {
    std::iter::from_fn(move || {
        let size = word(bytes, 4).filter(|size| *size >= 8)?;
        let (chunk, tail) = bytes.split_at_checked(size)?;
        bytes = tail;
        Some(TableChunk {
            chunk_type: half(chunk, 0)?,
            header_size: half(chunk, 2)?.into(),
            bytes: chunk,
        })
    })
}

/// The type and the data of a value, preferably of the default configuration.
fn value(table: &TableChunk<'_>, id: u32) -> Option<(u8, u32)> {
    let [package, value_type, entry_high, entry_low] = id.to_be_bytes();
    let entry = usize::from(u16::from_be_bytes([entry_high, entry_low]));
    let packages = table.children().filter(|chunk| chunk.chunk_type == PACKAGE);
    let packages = packages.filter(|chunk| chunk.bytes.get(8) == Some(&package));
    let types = packages.flat_map(|package| package.children());
    let types =
        types.filter(|chunk| chunk.chunk_type == TYPE && chunk.bytes.get(8) == Some(&value_type));
    let mut found = None;
    for chunk in types {
        match entry_value(&chunk, entry) {
            Some(value) if is_default(&chunk) => return Some(value),
            Some(value) if found.is_none() => found = Some(value),
            _ => {}
        }
    }
    found
}

/// Whether the values apply to all languages, screens and so on.
fn is_default(chunk: &TableChunk<'_>) -> bool {
    let config = chunk.bytes.get(24..chunk.header_size).unwrap_or_default();
    config.iter().all(|byte| *byte == 0)
}

fn entry_value(chunk: &TableChunk<'_>, entry: usize) -> Option<(u8, u32)> {
    let bytes = chunk.bytes;
    let start = word(bytes, 16)?.checked_add(entry_offset(chunk, entry)?)?;
    let flags = half(bytes, start.checked_add(2)?)?;
    let (value_type, data) = match flags {
        _ if flags & COMPLEX != 0 => return None,
        _ if flags & COMPACT != 0 => (flags.to_be_bytes()[0], start.checked_add(4)?),
        _ => (*bytes.get(start.checked_add(11)?)?, start.checked_add(12)?),
    };
    Some((value_type, u32::try_from(word(bytes, data)?).ok()?))
}

fn entry_offset(chunk: &TableChunk<'_>, entry: usize) -> Option<usize> {
    const NONE: usize = 0xffff_ffff;
    let count = word(chunk.bytes, 12)?;
    let offsets = chunk.bytes.get(chunk.header_size..)?;
    match chunk.bytes.get(9)? {
        flags if flags & SPARSE != 0 => {
            let pairs = offsets.chunks_exact(4).take(count);
            let mut pairs = pairs.filter_map(|pair| Some((half(pair, 0)?, half(pair, 2)?)));
            pairs.find_map(|(index, offset)| {
                (usize::from(index) == entry).then(|| usize::from(offset) * 4)
            })
        }
        _ if entry >= count => None,
        flags if flags & SHORT_OFFSETS != 0 => {
            let offset = half(offsets, entry * 2).filter(|offset| *offset != u16::MAX)?;
            Some(usize::from(offset) * 4)
        }
        _ => word(offsets, entry * 4).filter(|offset| *offset != NONE),
    }
}

fn string(pool: &TableChunk<'_>, index: u32) -> Option<String> {
    const UTF8: usize = 0x100;
    let index = usize::try_from(index).ok()?;
    if index >= word(pool.bytes, 8)? {
        return None;
    }
    let offset = word(
        pool.bytes,
        pool.header_size.checked_add(index.checked_mul(4)?)?,
    )?;
    let at = word(pool.bytes, 20)?.checked_add(offset)?;
    let text = pool.bytes.get(at..)?;
    if word(pool.bytes, 16)? & UTF8 != 0 {
        utf8(text)
    } else {
        utf16(text)
    }
}

/// A UTF-8 string: the length in characters, the length in bytes, and the text.
fn utf8(text: &[u8]) -> Option<String> {
    let (_, text) = short_length(text)?;
    let (length, text) = short_length(text)?;
    let text = text.get(..length).filter(|_| length <= MAX_TEXT)?;
    String::from_utf8(text.to_owned()).ok()
}

fn short_length(text: &[u8]) -> Option<(usize, &[u8])> {
    match text {
        [high, low, tail @ ..] if high & 0x80 != 0 => {
            Some((usize::from(high & 0x7f) << 8 | usize::from(*low), tail))
        }
        [length, tail @ ..] => Some((usize::from(*length), tail)),
        [] => None,
    }
}

/// A UTF-16 string: the length in units of two bytes, and the text.
fn utf16(text: &[u8]) -> Option<String> {
    let length = usize::from(half(text, 0)?);
    let text = text
        .get(2..)?
        .get(..length * 2)
        .filter(|_| length <= MAX_TEXT)?;
    let units: Vec<u16> = text
        .chunks_exact(2)
        .filter_map(|unit| half(unit, 0))
        .collect();
    String::from_utf16(&units).ok()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(word).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REFERENCE: u8 = 0x01;

    fn chunk(chunk_type: u16, header: &[u8], content: &[u8]) -> Vec<u8> {
        let header_size = u16::try_from(header.len() + 8).unwrap();
        let size = u32::try_from(header.len() + content.len() + 8).unwrap();
        let start = [chunk_type.to_le_bytes(), header_size.to_le_bytes()].concat();
        [&start[..], &size.to_le_bytes(), header, content].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A chunk of type 1 with two values: entry 0 and entry 1.
    fn values(language: u32, values: [(u8, u32); 2]) -> Vec<u8> {
        let header = words(&[1, 2, 20 + 8 + 8, 16, 0, language, 0]);
        let entry = |(value_type, data)| words(&[8, 0, 8 | u32::from(value_type) << 24, data]);
        let entries = values.map(entry).concat();
        let header_size = u32::try_from(header.len() + 8).unwrap();
        let mut bytes = chunk(TYPE, &header, &[words(&[0, 16]), entries].concat());
        bytes[16..20].copy_from_slice(&(header_size + 8).to_le_bytes());
        bytes
    }

    fn table(types: &[Vec<u8>]) -> Vec<u8> {
        let strings = b"\x03\x031.0\0\x01\x03\xe2\x82\xac\0";
        let pool = chunk(
            STRING_POOL,
            &words(&[2, 0, 0x100, 28 + 8, 0]),
            &[&words(&[0, 6])[..], strings].concat(),
        );
        let package = chunk(PACKAGE, &words(&[0x7f]), &types.concat());
        chunk(TABLE, &words(&[1]), &[pool, package].concat())
    }

    const FIRST: u32 = 0x7f01_0000;
    const SECOND: u32 = 0x7f01_0001;

    #[test]
    fn text_is_found_directly_and_by_reference() {
        let table = table(&[values(0, [(STRING, 0), (REFERENCE, FIRST)])]);
        assert_eq!(text(&table, FIRST).as_deref(), Some("1.0"));
        assert_eq!(text(&table, SECOND).as_deref(), Some("1.0"));
        for unknown in [0x7f01_0002, 0x7f02_0000, 0x0101_0000] {
            assert_eq!(text(&table, unknown), None);
        }
    }

    #[test]
    fn default_configuration_is_preferred() {
        let french = values(0x7266, [(STRING, 1), (STRING, 1)]);
        let default = values(0, [(STRING, 0), (0x10, 0)]);
        let table = table(&[french.clone(), default]);
        assert_eq!(text(&table, FIRST).as_deref(), Some("1.0"));
        assert_eq!(
            text(&super::tests::table(&[french]), FIRST).as_deref(),
            Some("€")
        );
    }

    #[test]
    fn circular_references_are_not_found() {
        let table = table(&[values(0, [(REFERENCE, SECOND), (REFERENCE, FIRST)])]);
        assert_eq!(text(&table, FIRST), None);
    }

    #[test]
    fn strings_in_both_encodings_are_read_up_to_the_limit() {
        assert_eq!(utf16(b"\x02\0a\0\xac\x20").as_deref(), Some("a€"));
        assert_eq!(utf16(b"\x02\0a\0"), None);
        assert_eq!(utf16(&[0xff; 5000]), None);
        assert_eq!(
            utf8(&[&[0x81, 0x00, 0x81, 0x00][..], &[b'x'; 256]].concat())
                .unwrap()
                .len(),
            256
        );
        assert_eq!(utf8(&[0x7f; 20]), None);
    }

    proptest! {
        #[test]
        fn lookup_in_a_damaged_table_does_not_panic(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut table = table(&[values(0, [(STRING, 0), (REFERENCE, FIRST)])]);
            for (at, byte) in changes {
                let at = at.index(table.len());
                table[at] = byte;
            }
            let _ = text(&table, SECOND);
        }
    }
}
