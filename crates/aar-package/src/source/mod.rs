//! Reading packages from a folder, a zip file or a tar file, plain or compressed.
//!
//! Folders, zip files and plain tar files are read in place. A compressed tar file has its entries
//! in any order and can only be read from start to end, so its content is first unpacked into an
//! unnamed temporary file, which the operating system deletes when the last handle is closed.

mod bzip2_streams;
mod detect;
mod file_section;
mod folder;
mod tar_file;
mod zip_file;
mod zip_names;

use std::{
    io::{self, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use fs_err as fs;
use zip::ZipArchive;

use self::{detect::ArchiveFormat, file_section::FileSection};
use crate::{
    EntryError, Error, Limits,
    path::EntryPath,
    read_seek::ReadSeek,
    tree::{ContentLocation, DiskFile, FileEntry, PackageTree},
};

/// An opened package. Its files can be read in any order, any number of times.
#[derive(Debug)]
pub(crate) struct PackageSource {
    pub(crate) tree: PackageTree,
    pub(crate) warnings: Vec<String>,
    /// A plain tar file, or the temporary file with the unpacked content.
    content_file: Option<std::fs::File>,
    zip: Option<Mutex<ZipArchive<std::fs::File>>>,
}

impl PackageSource {
    pub(crate) fn open(path: &Path, staging: &Path, limits: &Limits) -> Result<Self, Error> {
        let mut source = Self {
            tree: PackageTree::default(),
            warnings: Vec::new(),
            content_file: None,
            zip: None,
        };
        if fs::metadata(path)?.is_dir() {
            source.tree = folder::list(path, limits)?;
            return Ok(source);
        }
        let mut file = fs::File::open(path)?;
        match detect::format(&mut file, path)? {
            ArchiveFormat::Zip => {
                let file = file.into_parts().0;
                let mut zip = zip_file::open(file.try_clone()?, limits)?;
                (source.tree, source.warnings) = zip_file::list(&mut zip, &file, limits)?;
                source.zip = Some(Mutex::new(zip));
            }
            ArchiveFormat::Tar => {
                source.tree = tar_file::list(&file, limits)?;
                source.content_file = Some(file.into_parts().0);
            }
            format @ (ArchiveFormat::TarBzip2 | ArchiveFormat::TarZstd) => {
                let mut unpacked = temporary_file(staging)?;
                source.tree = tar_file::unpack(file, format, &mut unpacked, limits)?;
                source.content_file = Some(unpacked);
            }
        }
        Ok(source)
    }

    /// Reads the content of a file with `consume`.
    ///
    /// The size of the file is what the archive declares; `consume` must limit itself how much it
    /// reads.
    pub(crate) fn read<T>(
        &self,
        path: &EntryPath,
        file: &FileEntry,
        consume: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, Error> {
        match &file.content {
            ContentLocation::Disk(disk) => read_disk(path, disk, consume),
            ContentLocation::Offset(offset) => Ok(consume(&mut self.section(*offset, file.size)?)?),
            ContentLocation::Sparse(offset, map) => {
                let stored = self.section(*offset, map.stored())?;
                Ok(consume(&mut map.reader(stored, file.size))?)
            }
            ContentLocation::ZipIndex(index) => self.read_zip(path, *index, consume),
        }
    }

    /// Opens a file for reading at any position, or returns none where there is no such file. A
    /// compressed file is unpacked first, and read from there from then on.
    pub(crate) fn open_seekable(
        &mut self,
        path: &str,
        staging: &Path,
    ) -> Result<Option<Box<dyn ReadSeek>>, Error> {
        let Some((path, file)) = self.tree.file(path) else {
            return Ok(None);
        };
        let (size, offset) = match &file.content {
            ContentLocation::Disk(disk) => {
                let opened = disk.open()?;
                let file = opened.ok_or_else(|| Error::entry(path, EntryError::Changed))?;
                return Ok(Some(Box::new(file)));
            }
            ContentLocation::Offset(offset) => (file.size, *offset),
            ContentLocation::ZipIndex(_) => {
                let (name, size) = (path.to_string(), file.size);
                self.content_file = Some(self.unpack(path, file, staging)?);
                self.tree.relocate(&name, ContentLocation::Offset(0));
                (size, 0)
            }
            ContentLocation::Sparse(..) => {
                let unpacked = self.unpack(path, file, staging)?;
                return Ok(Some(Box::new(FileSection::new(unpacked, 0, file.size))));
            }
        };
        Ok(Some(Box::new(self.section(offset, size)?)))
    }

    fn unpack(
        &self,
        path: &EntryPath,
        file: &FileEntry,
        staging: &Path,
    ) -> Result<std::fs::File, Error> {
        let mut unpacked = temporary_file(staging)?;
        self.read(path, file, |content| {
            let copied = io::copy(&mut content.take(file.size + 1), &mut unpacked)?;
            if copied == file.size {
                return Ok(());
            }
            let message = "the content does not have its declared size";
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        })?;
        Ok(unpacked)
    }

    fn section(&self, offset: u64, size: u64) -> io::Result<FileSection> {
        let file = self.content_file.as_ref();
        let file = file.ok_or(io::ErrorKind::NotFound)?.try_clone()?;
        Ok(FileSection::new(file, offset, size))
    }

    fn read_zip<T>(
        &self,
        path: &EntryPath,
        index: usize,
        consume: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, Error> {
        let zip = self
            .zip
            .as_ref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut archive = zip.lock().unwrap_or_else(PoisonError::into_inner);
        let damaged = |error| Error::damaged(path.as_str(), error);
        let mut entry = archive
            .by_index(index)
            .map_err(io::Error::from)
            .map_err(damaged)?;
        consume(&mut entry).map_err(damaged)
    }
}

fn read_disk<T>(
    path: &EntryPath,
    disk: &DiskFile,
    consume: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T, Error> {
    let changed = || Error::entry(path, EntryError::Changed);
    let mut file = disk.open()?.ok_or_else(changed)?;
    let consumed = consume(&mut file);
    if disk.is_unchanged(&file)? {
        Ok(consumed?)
    } else {
        Err(changed())
    }
}

/// An unnamed file on the volume of the staging folder.
fn temporary_file(staging: &Path) -> io::Result<std::fs::File> {
    tempfile::tempfile_in(staging).map_err(|error| {
        let message = format!("cannot unpack into {}: {error}", staging.display());
        io::Error::new(error.kind(), message)
    })
}
