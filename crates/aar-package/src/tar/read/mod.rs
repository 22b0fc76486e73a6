//! Reading tar files of any origin: in the old, the ustar, the GNU and the pax format.
//!
//! Names and extended headers are limited in size before they are read, checksums are verified, and
//! a file without the end marker is refused as truncated.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use tar::{EntryType, Header};

use super::{padding, pax};

/// The size of an extended header or a long name. Some systems add attributes of every file.
const MAX_EXTENDED: u64 = 256 << 10;

/// The number of extended headers before one entry.
const MAX_EXTENDED_HEADERS: usize = 8;

/// The number of bytes after the end marker. Tar files are often padded to a multiple of 10 KiB.
const MAX_TRAILER: u64 = 1 << 20;

/// An entry whose path is not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TarEntry {
    pub(crate) path: Vec<u8>,
    pub(crate) entry_type: TarEntryType,
    pub(crate) mode: u32,
    pub(crate) size: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TarEntryType {
    File,
    Folder,
    Symlink(Vec<u8>),
    /// A type that packages must not contain, by its name.
    Unsupported(&'static str),
}

pub(crate) trait Skip: Read + Sized {
    /// Skips bytes, which must exist.
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(count), &mut io::sink())?;
        if skipped == count {
            Ok(())
        } else {
            Err(unexpected_end())
        }
    }
}

/// Reads a tar file entry by entry. As [`Read`], it yields the content of the current entry.
pub(crate) struct TarReader<R> {
    inner: R,
    content_left: u64,
    padding: u64,
}

/// The attributes from extended headers and GNU long names. They apply to the next entry.
#[derive(Default)]
struct ExtendedHeaders {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<R: Skip> TarReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            content_left: 0,
            padding: 0,
        }
    }

    /// The underlying reader. After [`next_entry`](Self::next_entry) it is at the start of the
    /// content.
    pub(crate) fn inner(&self) -> &R {
        &self.inner
    }

    /// The next entry, or none after the end marker.
    pub(crate) fn next_entry(&mut self) -> io::Result<Option<TarEntry>> {
        let mut extended = ExtendedHeaders::default();
        for _ in 0..=MAX_EXTENDED_HEADERS {
            self.skip_content()?;
            let Some(header) = self.read_header()? else {
                self.read_trailer()?;
                return Ok(None);
            };
            match header.entry_type() {
                EntryType::XHeader => extended.read_pax(&self.read_extended(&header)?)?,
                EntryType::GNULongName => {
                    extended.path = Some(without_nul(self.read_extended(&header)?));
                }
                EntryType::GNULongLink => {
                    extended.target = Some(without_nul(self.read_extended(&header)?));
                }
                EntryType::XGlobalHeader => drop(self.read_extended(&header)?),
                _ => return self.start_entry(&header, extended).map(Some),
            }
        }
        Err(malformed("an entry has too many extended headers"))
    }

    fn start_entry(&mut self, header: &Header, extended: ExtendedHeaders) -> io::Result<TarEntry> {
        let path = extended
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extended
            .target
            .or_else(|| header.link_name_bytes().map(Cow::into_owned));
        let entry_type = match header.entry_type() {
            _ if extended.sparse => TarEntryType::Unsupported("sparse file"),
            // The oldest format has no type for folders, but a slash at the end of their path.
            EntryType::Regular if path.ends_with(b"/") => TarEntryType::Folder,
            EntryType::Regular | EntryType::Continuous => TarEntryType::File,
            EntryType::Directory => TarEntryType::Folder,
            EntryType::Symlink => TarEntryType::Symlink(target.unwrap_or_default()),
            other => TarEntryType::Unsupported(type_name(other)),
        };
        let size = extended.size.map_or_else(|| header.entry_size(), Ok)?;
        if entry_type == TarEntryType::File {
            self.content_left = size;
            self.padding = padding(size);
        }
        Ok(TarEntry {
            path,
            entry_type,
            mode: header.mode()?,
            size,
        })
    }

    /// Reads a header and verifies its checksum. Returns none for a block of zeros, the end marker.
    fn read_header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        self.inner
            .read_exact(header.as_mut_bytes())
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => unexpected_end(),
                _ => error,
            })?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let blank = 8 * u32::from(b' ');
        if header.cksum().ok() != Some(sum(&bytes[..148]) + blank + sum(&bytes[156..])) {
            return Err(malformed("the checksum of a header is wrong"));
        }
        Ok(Some(header))
    }

    fn read_extended(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.entry_size()?;
        if size > MAX_EXTENDED {
            return Err(malformed("an extended header is too large"));
        }
        self.content_left = size;
        self.padding = padding(size);
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        Ok(content)
    }

    fn skip_content(&mut self) -> io::Result<()> {
        let count = self.content_left.saturating_add(self.padding);
        (self.content_left, self.padding) = (0, 0);
        if count > 0 {
            self.inner.skip(count)
        } else {
            Ok(())
        }
    }

    /// Reads to the end of the file, so that a decompressor verifies its own checksum.
    fn read_trailer(&mut self) -> io::Result<()> {
        let mut trailer = self.inner.by_ref().take(MAX_TRAILER + 1);
        if io::copy(&mut trailer, &mut io::sink())? > MAX_TRAILER {
            return Err(malformed("there is content after the end marker"));
        }
        Ok(())
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.by_ref().take(self.content_left).read(buffer)?;
        if count == 0 && self.content_left > 0 && !buffer.is_empty() {
            return Err(unexpected_end());
        }
        self.content_left -= count as u64;
        Ok(count)
    }
}

impl ExtendedHeaders {
    fn read_pax(&mut self, mut records: &[u8]) -> io::Result<()> {
        while !records.is_empty() {
            let (key, value, tail) = pax::read(records)?;
            match key {
                b"path" => self.path = Some(value.to_owned()),
                b"linkpath" => self.target = Some(value.to_owned()),
                b"size" => self.size = Some(parse_size(value)?),
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            records = tail;
        }
        Ok(())
    }
}

fn parse_size(text: &[u8]) -> io::Result<u64> {
    let size = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    size.ok_or_else(|| malformed("the size in an extended header is not a number"))
}

fn without_nul(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

fn type_name(entry_type: EntryType) -> &'static str {
    match entry_type {
        EntryType::Link => "hard link",
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "named pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "entry of an unknown type",
    }
}

pub(crate) fn unexpected_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is truncated")
}

fn malformed(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
