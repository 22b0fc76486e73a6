//! Listing tar files. The content of a plain tar file stays in it; the content of a compressed one
//! is unpacked into a single file, one entry after the other.

use std::io::{self, BufReader, Read, Write};

use fs_err as fs;

use super::detect::{ArchiveFormat, BUFFER, decompress};
use crate::{
    EntryError, Error, Limits,
    path::EntryPath,
    tar::{Skip, SparseMap, TarEntry, TarEntryType, TarReader, unexpected_end},
    tree::{ContentLocation, FileEntry, PackageEntry, PackageTree, TreeBuilder, check_top},
};

pub(super) fn list(file: &fs::File, limits: &Limits) -> Result<PackageTree, Error> {
    let size = file.metadata()?.len();
    let tar = TarReader::new(PlainTar {
        file: BufReader::with_capacity(BUFFER, file),
        position: 0,
        size,
    });
    read_entries(tar, TreeBuilder::new(limits, Some(size)), &mut InPlace)
}

/// Unpacks the content of a tar file into the file `to`, which is empty.
pub(super) fn unpack(
    file: fs::File,
    format: ArchiveFormat,
    to: &mut std::fs::File,
    limits: &Limits,
) -> Result<PackageTree, Error> {
    let builder = TreeBuilder::new(limits, Some(file.metadata()?.len()));
    let tar = TarReader::new(CompressedTar(decompress(file, format)?));
    read_entries(tar, builder, &mut Unpack { to, size: 0 })
}

/// A tar file that can only be read from start to end.
struct CompressedTar(Box<dyn Read>);

impl Read for CompressedTar {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Skip for CompressedTar {}

/// A tar file that can be read at any position.
struct PlainTar<'f> {
    file: BufReader<&'f fs::File>,
    position: u64,
    size: u64,
}

impl PlainTar<'_> {
    fn check_remaining(&self, count: u64) -> io::Result<()> {
        if count > self.size.saturating_sub(self.position) {
            return Err(unexpected_end());
        }
        Ok(())
    }
}

impl Read for PlainTar<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Skip for PlainTar<'_> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.check_remaining(count)?;
        let offset = i64::try_from(count).map_err(io::Error::other)?;
        self.file.seek_relative(offset)?;
        self.position += count;
        Ok(())
    }
}

/// Where the content of files is stored.
trait StoreContent<R> {
    /// The offset at which the content of the current entry will be stored.
    fn offset(&self, tar: &TarReader<R>) -> u64;

    fn store(&mut self, tar: &mut TarReader<R>, size: u64) -> io::Result<()>;
}

struct InPlace;

impl StoreContent<PlainTar<'_>> for InPlace {
    fn offset(&self, tar: &TarReader<PlainTar<'_>>) -> u64 {
        tar.inner().position
    }

    fn store(&mut self, tar: &mut TarReader<PlainTar<'_>>, size: u64) -> io::Result<()> {
        tar.inner().check_remaining(size)
    }
}

struct Unpack<'f> {
    to: &'f mut std::fs::File,
    size: u64,
}

impl StoreContent<CompressedTar> for Unpack<'_> {
    fn offset(&self, _: &TarReader<CompressedTar>) -> u64 {
        self.size
    }

    /// The tar reader yields exactly the declared size, or an error.
    fn store(&mut self, tar: &mut TarReader<CompressedTar>, size: u64) -> io::Result<()> {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let mut buffer = vec![0; length.clamp(1, BUFFER)];
        self.size += size;
        loop {
            match tar.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.to.write_all(&buffer[..count])?,
            }
        }
    }
}

fn read_entries<R: Skip>(
    mut tar: TarReader<R>,
    mut builder: TreeBuilder<'_>,
    content: &mut impl StoreContent<R>,
) -> Result<PackageTree, Error> {
    let mut place = "its start".to_owned();
    loop {
        let next = tar.next_entry();
        let Some(entry) = next.map_err(|error| Error::damaged(place, error))? else {
            return builder.finish();
        };
        place = format!("or after {:?}", String::from_utf8_lossy(&entry.path));
        let Some(path) = builder.parse_path(&entry.path)? else {
            check_top(entry.entry_type == TarEntryType::Folder)?;
            continue;
        };
        let name = path.to_string();
        let size = entry.sparse.as_ref().map_or(entry.size, SparseMap::stored);
        let has_content = entry.entry_type == TarEntryType::File;
        if path.is_system_file() {
            continue;
        }
        let entry = package_entry(&builder, &path, entry, content.offset(&tar))?;
        if builder.add(path, entry)? && has_content {
            content
                .store(&mut tar, size)
                .map_err(|error| Error::damaged(name, error))?;
        }
    }
}

fn package_entry(
    builder: &TreeBuilder<'_>,
    path: &EntryPath,
    entry: TarEntry,
    offset: u64,
) -> Result<PackageEntry, Error> {
    match entry.entry_type {
        TarEntryType::Folder => Ok(PackageEntry::Folder),
        TarEntryType::Symlink(target) => {
            let target = builder.parse_target(path, &target)?;
            Ok(PackageEntry::Symlink(target))
        }
        TarEntryType::HardLink(target) => builder.hard_link(path, &target),
        TarEntryType::Unsupported(name) => Err(Error::entry(path, EntryError::Type(name))),
        TarEntryType::File => Ok(PackageEntry::File(FileEntry {
            size: entry.size,
            executable: entry.mode & 0o100 != 0,
            content: match entry.sparse {
                Some(map) => ContentLocation::Sparse(offset, map),
                None => ContentLocation::Offset(offset),
            },
        })),
    }
}
