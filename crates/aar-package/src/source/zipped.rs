//! Lists the directory of a zip file. Content is read later, in place.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use zip::{SUPPORTED_COMPRESSION_METHODS, ZipArchive, read::ZipFileEntry};

use crate::{
    Error, Limits, Problem,
    metered::open_zip,
    path::EntryPath,
    tree::{Content, FileNode, Intake, Node, Tree, check_top},
};

/// The fixed part of a header in front of content, and in the directory.
const LOCAL_HEADER: u64 = 30;
const DIRECTORY_HEADER: usize = 46;

/// The bits of a Unix mode that say what an entry is.
const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// Opens a zip file whose directory is within the limits.
pub(super) fn open(file: File, limits: &Limits) -> Result<ZipArchive<File>, Error> {
    let archive = open_zip(file, limits.entries).map_err(damaged)?;
    archive.ok_or_else(|| Error::Limit {
        entry: "its directory".to_owned(),
        limit: format!("{} entries", limits.entries),
    })
}

/// Checks all entries of the directory.
pub(super) fn list(
    archive: &mut ZipArchive<File>,
    file: &File,
    limits: &Limits,
) -> Result<Tree, Error> {
    let mut intake = Intake::new(limits, Some(file.metadata()?.len()));
    let mut extents = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(damaged)?;
        let Some(path) = intake.path(entry.name_raw())? else {
            check_top(entry.is_dir())?;
            continue;
        };
        extents.push(extent(&entry, &path));
        let node = match node(&path, &entry, index)? {
            Some(node) => node,
            None => Node::Symlink(read_target(&intake, archive, &path, index)?),
        };
        intake.add(path, node)?;
    }
    check_overlaps(extents)?;
    if archive.has_duplicate_names() {
        return Err(duplicate(file, archive.central_directory_start())?);
    }
    intake.finish()
}

/// Where an entry begins and, at the least, ends.
fn extent(entry: &ZipFileEntry<'_>, path: &EntryPath) -> (u64, u64, EntryPath) {
    let start = entry.header_start();
    let header = LOCAL_HEADER + entry.name_raw().len() as u64;
    let end = start
        .saturating_add(header)
        .saturating_add(entry.compressed_size());
    (start, end, path.clone())
}

/// What an entry is; a link is told by what it holds, so that is for the caller to read.
fn node(path: &EntryPath, entry: &ZipFileEntry<'_>, index: usize) -> Result<Option<Node>, Error> {
    let refused = |problem| Err(Error::entry(path, problem));
    let mode = entry.unix_mode().unwrap_or_default();
    match mode & KIND {
        _ if entry.encrypted() => refused(Problem::Encrypted),
        _ if !SUPPORTED_COMPRESSION_METHODS.contains(&entry.compression()) => {
            refused(Problem::Compression(format!("{:?}", entry.compression())))
        }
        FOLDER => Ok(Some(Node::Folder)),
        0 | FILE if entry.is_dir() => Ok(Some(Node::Folder)),
        0 | FILE => Ok(Some(Node::File(FileNode {
            size: entry.size(),
            executable: mode & 0o100 != 0,
            content: Content::Zipped(index),
        }))),
        SYMLINK => Ok(None),
        _ => refused(Problem::Kind("device, pipe or socket")),
    }
}

fn read_target(
    intake: &Intake<'_>,
    archive: &mut ZipArchive<File>,
    path: &EntryPath,
    index: usize,
) -> Result<String, Error> {
    let damaged = |error: io::Error| Error::damaged(path.as_str(), error);
    let mut target = Vec::new();
    let entry = archive
        .by_index(index)
        .map_err(io::Error::from)
        .map_err(damaged)?;
    let most = intake.limits().path_length as u64 + 1;
    entry.take(most).read_to_end(&mut target).map_err(damaged)?;
    intake.target(path, &target)
}

/// Entries that share their compressed bytes are how a small file becomes a very large one.
fn check_overlaps(mut extents: Vec<(u64, u64, EntryPath)>) -> Result<(), Error> {
    extents.sort_unstable_by_key(|(start, ..)| *start);
    let overlap = extents.windows(2).find(|pair| pair[0].1 > pair[1].0);
    match overlap {
        Some(pair) => Err(Error::entry(
            &pair[1].2,
            Problem::Overlap(pair[0].2.to_string()),
        )),
        None => Ok(()),
    }
}

/// The library keeps the last of several entries with one name. The directory tells which.
fn duplicate(mut file: &File, directory_start: u64) -> Result<Error, Error> {
    file.seek(SeekFrom::Start(directory_start))?;
    let mut directory = io::BufReader::new(file);
    let mut seen = HashSet::new();
    loop {
        let mut header = [0; DIRECTORY_HEADER];
        directory.read_exact(&mut header)?;
        let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut name = vec![0; length(28).into()];
        directory.read_exact(&mut name)?;
        directory.seek_relative(i64::from(length(30)) + i64::from(length(32)))?;
        if !seen.insert(name.clone()) {
            return Ok(Error::Entry {
                entry: String::from_utf8_lossy(&name).into_owned(),
                problem: Problem::Duplicate,
            });
        }
    }
}

fn damaged(error: zip::result::ZipError) -> Error {
    Error::damaged("its directory", error.into())
}
