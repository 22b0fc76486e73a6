//! Listing the directory of a zip file. The content is read later, in place.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use zip::{CompressionMethod, SUPPORTED_COMPRESSION_METHODS, ZipArchive, read::ZipFileEntry};

use super::zip_names::EntryNames;
use crate::{
    EntryError, Error, Limits, apk,
    manifest::FILE_NAME,
    path::EntryPath,
    tree::{ContentLocation, FileEntry, PackageEntry, PackageTree, TreeBuilder, check_top},
    zip_directory::{find_end, open_zip},
};

/// The size of the fixed part of a header: before the content, and in the directory.
const LOCAL_HEADER: u64 = 30;
const DIRECTORY_HEADER: usize = 46;
const DIRECTORY_SIGNATURE: &[u8] = b"PK\x01\x02";

/// The file type bits of a Unix mode.
const FILE_TYPE: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

pub(super) fn open(mut file: File, limits: &Limits) -> Result<ZipArchive<File>, Error> {
    check_end(&mut file)?;
    let archive = open_zip(file, limits.entries).map_err(damaged)?;
    archive.ok_or_else(|| Error::Limit {
        entry: "its directory".to_owned(),
        limit: format!("{} entries", limits.entries),
    })
}

/// Refuses an archive that is not complete, by what it may be.
fn check_end(file: &mut File) -> Result<(), Error> {
    let reason = match find_end(file)? {
        None => {
            "its end is missing: it is cut off, or one of several parts; if there are parts \
             NAME.001, NAME.002, join them (`cat NAME.0* >NAME`)"
        }
        Some(end) if end.disk > 0 && !end.is_zip64() => {
            "it is the last of several parts; join them (`zip -s 0 NAME.zip --out WHOLE.zip`)"
        }
        Some(_) => return Ok(()),
    };
    let error = io::Error::new(io::ErrorKind::InvalidData, reason);
    Err(Error::damaged("its directory", error))
}

/// The entries of the package, and warnings about them.
pub(super) fn list(
    archive: &mut ZipArchive<File>,
    file: &File,
    limits: &Limits,
) -> Result<(PackageTree, Vec<String>), Error> {
    check_is_package(archive)?;
    let mut builder = TreeBuilder::new(limits, Some(file.metadata()?.len()));
    let mut names = EntryNames::of(archive);
    let mut extents = Vec::with_capacity(archive.len());
    let mut last = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(damaged)?;
        last = last.max(entry.central_header_start());
        let name = names.name(&entry);
        let is_folder = name.ends_with(b"/");
        let Some(path) = builder.parse_path(&name)? else {
            check_top(is_folder)?;
            continue;
        };
        extents.push(extent(&entry, &path));
        if path.is_system_file() {
            continue;
        }
        let entry = match package_entry(&path, &entry, index, is_folder)? {
            Some(entry) => entry,
            None => PackageEntry::Symlink(read_target(&builder, archive, &path, index)?),
        };
        builder.add(path, entry)?;
    }
    check_overlaps(extents)?;
    if archive.has_duplicate_names() {
        return Err(duplicate(file, archive.central_directory_start())?);
    }
    check_is_last(file, last)?;
    Ok((builder.finish()?, names.warning().into_iter().collect()))
}

/// Refuses a directory with more entries than its end states, which would be lost. The number is cut
/// to 16 bits by programs without the ZIP64 format, such as Archive Utility of macOS.
fn check_is_last(mut file: &File, header_start: u64) -> Result<(), Error> {
    file.seek(SeekFrom::Start(header_start))?;
    let mut directory = io::BufReader::new(file);
    read_directory_name(&mut directory)?;
    let mut next = Vec::new();
    let signature = DIRECTORY_SIGNATURE.len() as u64;
    directory.take(signature).read_to_end(&mut next)?;
    if next != DIRECTORY_SIGNATURE {
        return Ok(());
    }
    let reason =
        "it has more entries than its end states; pack it with another program, such as `zip -r`";
    let error = io::Error::new(io::ErrorKind::InvalidData, reason);
    Err(Error::damaged("its directory", error))
}

/// Reads a header of the directory to its end, and returns the name.
fn read_directory_name(directory: &mut io::BufReader<&File>) -> io::Result<Vec<u8>> {
    let mut header = [0; DIRECTORY_HEADER];
    directory.read_exact(&mut header)?;
    let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let mut name = vec![0; length(28).into()];
    directory.read_exact(&mut name)?;
    directory.seek_relative(i64::from(length(30)) + i64::from(length(32)))?;
    Ok(name)
}

/// Refuses an APK or a bundle in place of a package. Their entries may break the rules for packages,
/// whose messages would not help.
fn check_is_package(archive: &ZipArchive<File>) -> Result<(), Error> {
    let names = || archive.file_names_raw();
    if names().any(|name| name.ends_with(FILE_NAME.as_bytes())) {
        return Ok(());
    }
    if names().any(|name| name == b"AndroidManifest.xml") {
        return Err(Error::BareApk("it is an APK"));
    }
    // An archive that has nothing but an APK is more likely a package without a manifest.
    let bundle = apk::bundle_of(names()).filter(|_| names().any(is_bundle_index));
    bundle.map_or(Ok(()), |found| Err(Error::BareApk(found)))
}

fn is_bundle_index(name: &[u8]) -> bool {
    matches!(
        name,
        b"BundleConfig.pb" | b"manifest.json" | b"toc.pb" | b"info.json"
    )
}

/// The position of an entry in the file: its start and its lowest possible end.
fn extent(entry: &ZipFileEntry<'_>, path: &EntryPath) -> (u64, u64, EntryPath) {
    let start = entry.header_start();
    let header = LOCAL_HEADER + entry.name_raw().len() as u64;
    let end = start
        .saturating_add(header)
        .saturating_add(entry.compressed_size());
    (start, end, path.clone())
}

/// The entry of the package; none for a link, whose target is its content.
fn package_entry(
    path: &EntryPath,
    entry: &ZipFileEntry<'_>,
    index: usize,
    is_folder: bool,
) -> Result<Option<PackageEntry>, Error> {
    let refused = |reason| Err(Error::entry(path, reason));
    let mode = entry.unix_mode().unwrap_or_default();
    match mode & FILE_TYPE {
        _ if entry.encrypted() => refused(EntryError::Encrypted),
        _ if !SUPPORTED_COMPRESSION_METHODS.contains(&entry.compression()) => {
            refused(EntryError::Compression(method_name(entry.compression())))
        }
        FOLDER => Ok(Some(PackageEntry::Folder)),
        0 | FILE if is_folder => Ok(Some(PackageEntry::Folder)),
        0 | FILE => Ok(Some(PackageEntry::File(FileEntry {
            size: entry.size(),
            executable: mode & 0o100 != 0,
            content: ContentLocation::ZipIndex(index),
        }))),
        SYMLINK => Ok(None),
        _ => refused(EntryError::Type("device, pipe or socket")),
    }
}

#[expect(
    deprecated,
    reason = "the library has no other access to the number of a method"
)]
fn method_name(method: CompressionMethod) -> String {
    let name = match method {
        CompressionMethod::Unsupported(1..=6) => "a method of the 1990s",
        CompressionMethod::Unsupported(14) => "LZMA",
        CompressionMethod::Unsupported(20 | 93) => "Zstandard",
        CompressionMethod::Unsupported(95) => "XZ",
        CompressionMethod::Unsupported(98) => "PPMd",
        CompressionMethod::Unsupported(number) => return format!("method {number}"),
        other => return format!("{other:?}"),
    };
    name.to_owned()
}

fn read_target(
    builder: &TreeBuilder<'_>,
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
    let limit = builder.limits().path_length as u64 + 1;
    entry
        .take(limit)
        .read_to_end(&mut target)
        .map_err(damaged)?;
    builder.parse_target(path, &target)
}

/// Refuses entries that share compressed bytes: they let a small file expand without limit.
fn check_overlaps(mut extents: Vec<(u64, u64, EntryPath)>) -> Result<(), Error> {
    extents.sort_unstable_by_key(|(start, ..)| *start);
    let overlap = extents.windows(2).find(|pair| pair[0].1 > pair[1].0);
    match overlap {
        Some(pair) => Err(Error::entry(
            &pair[1].2,
            EntryError::Overlap(pair[0].2.to_string()),
        )),
        None => Ok(()),
    }
}

/// Finds the duplicate entry. The library keeps only the last of several entries with one name.
fn duplicate(mut file: &File, directory_start: u64) -> Result<Error, Error> {
    file.seek(SeekFrom::Start(directory_start))?;
    let mut directory = io::BufReader::new(file);
    let mut seen = HashSet::new();
    loop {
        let name = read_directory_name(&mut directory)?;
        if !seen.insert(name.clone()) {
            return Ok(Error::Entry {
                entry: String::from_utf8_lossy(&name).into_owned(),
                reason: EntryError::Duplicate,
            });
        }
    }
}

fn damaged(error: zip::result::ZipError) -> Error {
    Error::damaged("its directory", error.into())
}
