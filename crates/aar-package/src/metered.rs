//! Zip directories within a budget.
//!
//! Libraries read the whole directory of a zip file into memory before they say how many entries
//! it has. A file that is all directory would cost many times its size.

use std::io::{self, Read, Seek, SeekFrom};

use zip::{ZipArchive, result::ZipError};

/// What an entry may take in the directory, on average.
const DIRECTORY_ENTRY: u64 = 256;

/// What is read to find the directory.
const SEARCH: u64 = 1 << 20;

/// How much may be read to open a zip file with this many entries.
pub(crate) fn directory_budget(entries: usize) -> u64 {
    DIRECTORY_ENTRY * entries as u64 + SEARCH
}

/// Opens a zip file, unless it has more entries.
pub(crate) fn open_zip<R: Read + Seek>(
    mut file: R,
    entries: usize,
) -> Result<Option<ZipArchive<R>>, ZipError> {
    let metered = Metered::new(&mut file, directory_budget(entries));
    let count = ZipArchive::new(metered)?.len();
    if count > entries {
        return Ok(None);
    }
    ZipArchive::new(file).map(Some)
}

/// A file of which only so much may be read.
pub(crate) struct Metered<R> {
    file: R,
    left: u64,
}

impl<R> Metered<R> {
    pub(crate) fn new(file: R, budget: u64) -> Self {
        let left = budget;
        Self { file, left }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the directory is too large"));
        }
        let count = self.file.by_ref().take(self.left).read(buffer)?;
        self.left -= count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_with_the_budget_and_not_with_the_file() {
        let mut metered = Metered::new(&b"0123456789"[..], 4);
        let mut buffer = Vec::new();
        let error = metered.read_to_end(&mut buffer).unwrap_err();
        assert_eq!(buffer, b"0123");
        assert_eq!(error.to_string(), "the directory is too large");
    }

    #[test]
    fn a_directory_that_is_too_large_is_not_read() {
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
