//! Reading tar files of any origin: in the old, the ustar, the GNU and the pax format.
//!
//! Names and extended headers are limited in size before they are read, checksums are verified, and
//! a file without the end marker is refused as truncated.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use tar::{EntryType, Header};

use self::numbers::number;
use super::{BLOCK, SparseMap, padding, pax};

mod numbers;

/// The size of an extended header or a long name. Some systems add attributes of every file.
const MAX_EXTENDED: u64 = 256 << 10;

/// The number of extended headers before one entry.
const MAX_EXTENDED_HEADERS: usize = 8;

/// The number of bytes after the end marker. Tar files are padded to whole records, of 10 KiB or
/// whatever the user chose.
const MAX_TRAILER: u64 = 64 << 20;

/// The size of the map of a sparse file.
const MAX_SPARSE_MAP: u64 = 4 << 20;

/// An entry whose path is not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TarEntry {
    pub(crate) path: Vec<u8>,
    pub(crate) entry_type: TarEntryType,
    pub(crate) mode: u32,
    /// The size of the file, with the gaps of a sparse one.
    pub(crate) size: u64,
    pub(crate) sparse: Option<SparseMap>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TarEntryType {
    File,
    Folder,
    Symlink(Vec<u8>),
    /// Another name for the file with this path.
    HardLink(Vec<u8>),
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

impl Skip for &[u8] {}

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
    sparse: SparseHeaders,
    sparse_name: Option<Vec<u8>>,
}

/// The attributes of a sparse file in the three pax formats of GNU tar.
#[derive(Default)]
struct SparseHeaders {
    size: Option<u64>,
    numbers: Vec<u64>,
    is_map_in_content: bool,
    is_sparse: bool,
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
            let kind = header.entry_type().as_byte();
            match header.entry_type() {
                EntryType::XHeader => extended.read_pax(&self.read_extended(&header)?)?,
                EntryType::GNULongName => {
                    extended.path = Some(without_nul(self.read_extended(&header)?));
                }
                EntryType::GNULongLink => {
                    extended.target = Some(without_nul(self.read_extended(&header)?));
                }
                EntryType::XGlobalHeader => drop(self.read_extended(&header)?),
                // The name of the volume, and the access control list of Solaris.
                _ if matches!(kind, b'V' | b'A') => self.content(number(&header.as_old().size)?),
                // The extended headers of Solaris have another type, but the same content.
                _ if kind == b'X' => extended.read_pax(&self.read_extended(&header)?)?,
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
        let is_dump = header.entry_type().as_byte() == b'D';
        let entry_type = match header.entry_type() {
            // The oldest format has no type for folders, but a slash at the end of their path.
            EntryType::Regular if path.ends_with(b"/") => TarEntryType::Folder,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => TarEntryType::File,
            // GNU tar lists the content of a folder in it with `--listed-incremental`.
            EntryType::Directory => TarEntryType::Folder,
            _ if is_dump => TarEntryType::Folder,
            EntryType::Symlink => TarEntryType::Symlink(target.unwrap_or_default()),
            EntryType::Link => TarEntryType::HardLink(target.unwrap_or_default()),
            other => TarEntryType::Unsupported(type_name(other)),
        };
        let raw_size = &header.as_old().size;
        let mut size = extended.size.map_or_else(|| number(raw_size), Ok)?;
        let mut sparse = None;
        if entry_type == TarEntryType::File || is_dump {
            let map = self.start_content(header, size, &extended.sparse)?;
            if let Some((map, whole)) = map {
                (sparse, size) = (Some(map), whole);
            }
        }
        Ok(TarEntry {
            path,
            entry_type,
            mode: u32::try_from(number(&header.as_old().mode)?).unwrap_or_default(),
            size,
            sparse,
        })
    }

    fn content(&mut self, size: u64) {
        self.content_left = size;
        self.padding = padding(size);
    }

    /// Goes to the start of the content. Returns the map and the whole size of a sparse file.
    fn start_content(
        &mut self,
        header: &Header,
        size: u64,
        sparse: &SparseHeaders,
    ) -> io::Result<Option<(SparseMap, u64)>> {
        let (numbers, whole) = if header.entry_type() == EntryType::GNUSparse {
            self.read_gnu_map(header)?
        } else if sparse.is_sparse {
            (sparse.numbers.clone(), sparse.size.unwrap_or(size))
        } else {
            self.content(size);
            return Ok(None);
        };
        self.content(size);
        let map = if sparse.is_map_in_content {
            SparseMap::new(&self.read_content_map()?, whole)?
        } else {
            SparseMap::new(&numbers, whole)?
        };
        if map.stored() != self.content_left {
            return Err(malformed(
                "the map of a sparse file does not match its size",
            ));
        }
        Ok(Some((map, whole)))
    }

    /// Reads the map of the old GNU format: in the header, and in blocks after it.
    fn read_gnu_map(&mut self, header: &Header) -> io::Result<(Vec<u64>, u64)> {
        let mut numbers = Vec::new();
        let bytes = header.as_bytes();
        let mut is_extended = add_gnu_pairs(&mut numbers, &bytes[386..482])? && bytes[482] != 0;
        for _ in 0..MAX_SPARSE_MAP / BLOCK {
            if !is_extended {
                return Ok((numbers, number(&bytes[483..495])?));
            }
            let mut block = [0; 512];
            self.inner.read_exact(&mut block)?;
            is_extended = add_gnu_pairs(&mut numbers, &block[..504])? && block[504] != 0;
        }
        Err(malformed("the map of a sparse file is too large"))
    }

    /// Reads the map of the newest format: decimal numbers in lines at the start of the content.
    fn read_content_map(&mut self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut line = Vec::new();
        for _ in 0..MAX_SPARSE_MAP / BLOCK {
            let mut block = [0; 512];
            self.read_exact(&mut block)?;
            for byte in block {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                numbers.push(parse_size(&line)?);
                line.clear();
                if numbers[0].saturating_mul(2) < numbers.len() as u64 {
                    return Ok(numbers.split_off(1));
                }
            }
        }
        Err(malformed("the map of a sparse file is too large"))
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
        if !has_checksum(bytes) {
            return Err(malformed("the checksum of a header is wrong"));
        }
        Ok(Some(header))
    }

    fn read_extended(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = number(&header.as_old().size)?;
        if size > MAX_EXTENDED {
            return Err(malformed("an extended header is too large"));
        }
        self.content(size);
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

    /// Reads to the end of the file, so that a decompressor verifies its own checksum. Other archives
    /// behind the end marker are refused: they would be lost.
    fn read_trailer(&mut self) -> io::Result<()> {
        let mut trailer = self.inner.by_ref().take(MAX_TRAILER + 1);
        let mut block = Vec::with_capacity(512);
        loop {
            block.clear();
            let count = trailer.by_ref().take(BLOCK).read_to_end(&mut block)?;
            if has_checksum(&block) {
                return Err(malformed(
                    "another tar archive follows its end; `tar --concatenate` joins archives",
                ));
            }
            if trailer.limit() == 0 {
                return Err(malformed("there is content after the end marker"));
            }
            if count == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether a block is a header: its checksum is the sum of its bytes, which some old programs take as
/// signed.
pub(crate) fn has_checksum(block: &[u8]) -> bool {
    let Some(field) = block.get(148..156).filter(|_| block.len() >= 512) else {
        return false;
    };
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (at, byte) in block[..512].iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    let is_blank = field.iter().all(|byte| matches!(byte, 0 | b' '));
    let stored = number(field).ok().and_then(|sum| i64::try_from(sum).ok());
    !is_blank && (stored == Some(unsigned) || stored == Some(signed))
}

/// Adds pairs of the old GNU format. Returns whether all are in use.
fn add_gnu_pairs(numbers: &mut Vec<u64>, pairs: &[u8]) -> io::Result<bool> {
    for pair in pairs.chunks_exact(24) {
        if pair[0] == 0 {
            return Ok(false);
        }
        numbers.extend([number(&pair[..12])?, number(&pair[12..])?]);
    }
    Ok(true)
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
                key => {
                    if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                        self.read_sparse(key, value)?;
                    }
                }
            }
            records = tail;
        }
        // The name in the path of a sparse file is made up.
        if self.sparse.is_sparse
            && let Some(name) = self.sparse_name.take()
        {
            self.path = Some(name);
        }
        Ok(())
    }

    fn read_sparse(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let sparse = &mut self.sparse;
        sparse.is_sparse = true;
        match key {
            b"name" => self.sparse_name = Some(value.to_owned()),
            b"size" | b"realsize" => sparse.size = Some(parse_size(value)?),
            b"offset" | b"numbytes" => sparse.numbers.push(parse_size(value)?),
            b"map" => {
                let numbers = value.split(|byte| *byte == b',').map(parse_size);
                sparse.numbers = numbers.collect::<io::Result<_>>()?;
            }
            b"major" => sparse.is_map_in_content = value == b"1",
            _ => {}
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
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "named pipe",
        other if other.as_byte() == b'M' => "part of a file in another volume",
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
