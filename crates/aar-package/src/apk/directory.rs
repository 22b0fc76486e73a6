//! The entries of an APK, as Android reads them: from the central directory alone. Flags, compression
//! methods and extra fields of entries that are not read do not matter.

use std::{
    collections::HashSet,
    io::{self, Read, Seek, SeekFrom},
};

use flate2::{Crc, bufread::DeflateDecoder};

use crate::zip_directory::{DirectoryEnd, directory_budget, find_end, half, word};

const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_SIZE: usize = 46;
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const LOCAL_HEADER_SIZE: usize = 30;

/// Android reads every other method as stored.
const DEFLATED: usize = 8;

/// An APK that is opened for reading.
pub(super) struct ApkDirectory<R> {
    file: R,
    entries: Vec<ApkEntry>,
}

pub(super) struct ApkEntry {
    pub(super) name: Vec<u8>,
    pub(super) compressed: u64,
    pub(super) size: u64,
    method: usize,
    crc: u32,
    header: u64,
}

impl<R: Read + Seek> ApkDirectory<R> {
    /// Reads the directory, or returns the reason why the file has none.
    pub(super) fn open(mut file: R, max_entries: usize) -> Result<Self, String> {
        let damaged = |error: io::Error| format!("its directory is damaged: {error}");
        let end = find_end(&mut file).map_err(damaged)?;
        let end = end.filter(|end| !end.is_zip64());
        let DirectoryEnd {
            count,
            size,
            offset,
            ..
        } = end.ok_or("it is not a zip file")?;
        if count > max_entries || size > directory_budget(max_entries) {
            return Err("it has too many entries".to_owned());
        }
        file.seek(SeekFrom::Start(offset)).map_err(damaged)?;
        let mut directory = Vec::new();
        let read = file.by_ref().take(size).read_to_end(&mut directory);
        read.map_err(damaged)?;
        let entries = parse(&directory, count).ok_or("its directory is damaged")?;
        Ok(Self { file, entries })
    }

    pub(super) fn entries(&self) -> &[ApkEntry] {
        &self.entries
    }

    /// The first name that several entries have. Programs differ in which of them they read.
    pub(super) fn duplicate(&self) -> Option<String> {
        let mut names = HashSet::new();
        let duplicate = self.entries.iter().find(|entry| !names.insert(&entry.name));
        duplicate.map(|entry| String::from_utf8_lossy(&entry.name).into_owned())
    }

    /// Reads an entry of at most `limit` bytes, or returns none if there is no such entry.
    pub(super) fn read(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
        let named = |entry: &&ApkEntry| entry.name == name.as_bytes();
        let Some(entry) = self.entries.iter().find(named) else {
            return Ok(None);
        };
        if entry.size > limit {
            return Err(format!("its {name} is too large"));
        }
        let content = read_entry(&mut self.file, entry);
        content
            .map(Some)
            .map_err(|error| format!("its {name} is damaged: {error}"))
    }
}

fn read_entry<R: Read + Seek>(file: &mut R, entry: &ApkEntry) -> io::Result<Vec<u8>> {
    let mut header = [0; LOCAL_HEADER_SIZE];
    file.seek(SeekFrom::Start(entry.header))?;
    file.read_exact(&mut header)?;
    if !header.starts_with(LOCAL_HEADER) {
        return Err(invalid("its header is missing"));
    }
    let skipped = half(&header, 26).zip(half(&header, 28));
    let skipped = skipped.map_or(0, |(name, extra)| name + extra);
    file.seek_relative(i64::try_from(skipped).map_err(io::Error::other)?)?;
    let mut content = Vec::new();
    if entry.method == DEFLATED {
        let compressed = io::BufReader::new(file.take(entry.compressed));
        let inflated = DeflateDecoder::new(compressed);
        inflated.take(entry.size + 1).read_to_end(&mut content)?;
    } else {
        file.take(entry.size).read_to_end(&mut content)?;
    }
    let mut crc = Crc::new();
    crc.update(&content);
    if content.len() as u64 != entry.size || crc.sum() != entry.crc {
        return Err(invalid("its size or checksum is wrong"));
    }
    Ok(content)
}

fn parse(mut directory: &[u8], count: usize) -> Option<Vec<ApkEntry>> {
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let (header, tail) = directory.split_at_checked(ENTRY_SIZE)?;
        let (name, tail) = tail.split_at_checked(half(header, 28)?)?;
        if !header.starts_with(ENTRY) {
            return None;
        }
        entries.push(ApkEntry {
            name: name.to_owned(),
            compressed: word(header, 20)?,
            size: word(header, 24)?,
            method: half(header, 10)?,
            crc: u32::try_from(word(header, 16)?).ok()?,
            header: word(header, 42)?,
        });
        directory = tail.get(half(header, 30)? + half(header, 32)?..)?;
    }
    Some(entries)
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
