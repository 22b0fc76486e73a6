//! Opening zip files within a read budget.
//!
//! The library reads the whole directory of a zip file into memory before it returns the number of
//! entries. Without a budget, a file that is all directory takes many times its size in memory.

use std::io::{self, Read, Seek, SeekFrom};

use zip::{ZipArchive, result::ZipError};

/// The average size of an entry in the directory, in bytes.
const DIRECTORY_ENTRY: u64 = 256;

/// How many bytes are read to find the directory.
const SEARCH: u64 = 1 << 20;

/// How many bytes may be read to open a zip file with this number of entries.
pub(crate) fn directory_budget(entries: usize) -> u64 {
    DIRECTORY_ENTRY * entries as u64 + SEARCH
}

/// Opens a zip file, or returns none if it has more entries.
pub(crate) fn open_zip<R: Read + Seek>(
    mut file: R,
    max_entries: usize,
) -> Result<Option<ZipArchive<R>>, ZipError> {
    let directory = BudgetedReader::new(&mut file, directory_budget(max_entries));
    if ZipArchive::new(directory)?.len() > max_entries {
        return Ok(None);
    }
    ZipArchive::new(file).map(Some)
}

const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;
const MAX_COMMENT: u64 = u16::MAX as u64;

/// The end record of a zip file.
pub(crate) struct DirectoryEnd {
    /// Above 0 in the last part of a split archive.
    pub(crate) disk: usize,
    pub(crate) count: usize,
    /// Of the directory, in bytes.
    pub(crate) size: u64,
    pub(crate) offset: u64,
}

impl DirectoryEnd {
    /// Whether the real values are in another record, because they are too large for this one.
    pub(crate) fn is_zip64(&self) -> bool {
        [self.size, self.offset].contains(&u32::MAX.into())
    }
}

/// Finds the end record, which a comment may follow. Returns none where there is no zip file.
pub(crate) fn find_end<R: Read + Seek>(file: &mut R) -> io::Result<Option<DirectoryEnd>> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(END_SIZE as u64 + MAX_COMMENT);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(length - start).read_to_end(&mut tail)?;
    let mut ends = tail.windows(END_SIZE).rev().filter_map(|end| {
        let end = end.strip_prefix(END).and_then(parse_end)?;
        let is_inside = end.is_zip64() || end.size + end.offset <= length;
        is_inside.then_some(end)
    });
    Ok(ends.next())
}

fn parse_end(record: &[u8]) -> Option<DirectoryEnd> {
    Some(DirectoryEnd {
        disk: half(record, 0)?,
        count: half(record, 6)?,
        size: word(record, 8)?,
        offset: word(record, 12)?,
    })
}

pub(crate) fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let half = u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    Some(half.into())
}

pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    Some(word.into())
}

/// A file from which only `budget` bytes can be read, wherever they are.
pub(crate) struct BudgetedReader<R> {
    file: R,
    budget: u64,
}

impl<R> BudgetedReader<R> {
    pub(crate) fn new(file: R, budget: u64) -> Self {
        Self { file, budget }
    }
}

impl<R: Read> Read for BudgetedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the directory is too large"));
        }
        let count = self.file.by_ref().take(self.budget).read(buffer)?;
        self.budget -= count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for BudgetedReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_beyond_the_budget_fails() {
        let mut reader = BudgetedReader::new(&b"0123456789"[..], 4);
        let mut buffer = Vec::new();
        let error = reader.read_to_end(&mut buffer).unwrap_err();
        assert_eq!(buffer, b"0123");
        assert_eq!(error.to_string(), "the directory is too large");
    }

    #[test]
    fn directory_that_exceeds_the_budget_is_not_read() {
        let entry = [b"PK\x01\x02".as_slice(), &[0; 42]].concat();
        let count = 60_000_u16;
        let mut zip = entry.repeat(count.into());
        let size = u32::try_from(zip.len()).unwrap();
        zip.extend(b"PK\x05\x06\0\0\0\0");
        zip.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
        zip.extend(size.to_le_bytes());
        zip.extend([0; 6]);
        assert!(open_zip(io::Cursor::new(&zip), 100_000).is_ok());
        let error = open_zip(io::Cursor::new(&zip), 100).unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
    }
}
