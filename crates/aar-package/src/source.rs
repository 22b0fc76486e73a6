//! Where packages come from: a folder, a zip file, or a tar file, plain or compressed.
//!
//! Folders, zip files and plain tar files are read where they are. A compressed tar file has its
//! entries in any order and can only be read from front to back, so its content is unpacked first:
//! into one file without a name, which the operating system frees with the last handle of it.

mod detect;
mod folder;
mod tarball;
mod window;
mod zipped;

use std::{
    io::{self, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use fs_err as fs;
use zip::ZipArchive;

use self::{detect::Format, window::Window};
use crate::{
    Error, Limits, Problem,
    disk::DiskFile,
    path::EntryPath,
    tree::{Content, FileNode, Node, Tree},
};

/// A package that can be read in any order, any number of times.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) tree: Tree,
    /// The file that holds the content: unpacked, or a plain tar file.
    holder: Option<std::fs::File>,
    /// The zip file that is read in place.
    zip: Option<Mutex<ZipArchive<std::fs::File>>>,
}

/// Something that can be read at any position.
pub(crate) trait ReadSeek: Read + io::Seek + Send {}

impl<T: Read + io::Seek + Send> ReadSeek for T {}

impl Source {
    pub(crate) fn open(path: &Path, staging: &Path, limits: &Limits) -> Result<Self, Error> {
        if fs::metadata(path)?.is_dir() {
            let tree = folder::list(path, limits)?;
            return Ok(Self {
                tree,
                holder: None,
                zip: None,
            });
        }
        let mut file = fs::File::open(path)?;
        match detect::format(&mut file, path)? {
            Format::Zip => Self::open_zip(file, limits),
            format => Self::open_tar(file, format, staging, limits),
        }
    }

    fn open_zip(file: fs::File, limits: &Limits) -> Result<Self, Error> {
        let file = file.into_parts().0;
        let mut archive = zipped::open(file.try_clone()?, limits)?;
        let tree = zipped::list(&mut archive, &file, limits)?;
        Ok(Self {
            tree,
            holder: None,
            zip: Some(Mutex::new(archive)),
        })
    }

    fn open_tar(
        file: fs::File,
        format: Format,
        staging: &Path,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let (tree, holder) = if format == Format::Tar {
            (tarball::list(&file, limits)?, file.into_parts().0)
        } else {
            let mut spool = spool_in(staging)?;
            (tarball::unpack(file, format, &mut spool, limits)?, spool)
        };
        Ok(Self {
            tree,
            holder: Some(holder),
            zip: None,
        })
    }

    /// Lets `consume` read the content of a file.
    ///
    /// Nothing here limits how much it reads: the size of the file is what the archive says.
    pub(crate) fn read<T>(
        &self,
        path: &EntryPath,
        file: &FileNode,
        consume: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, Error> {
        match &file.content {
            Content::Disk(disk) => read_disk(path, disk, consume),
            Content::Held(offset) => {
                let mut window = self.window(*offset, file.size)?;
                Ok(consume(&mut window)?)
            }
            Content::Zipped(index) => self.read_zipped(path, *index, consume),
        }
    }

    /// Opens a file so that it can be read at any position. Where it is compressed, it is unpacked
    /// for that, and from then on read from there.
    pub(crate) fn open_seekable(
        &mut self,
        path: &str,
        staging: &Path,
    ) -> Result<Option<Box<dyn ReadSeek>>, Error> {
        let Some((path, Node::File(file))) = self.tree.get_entry(path) else {
            return Ok(None);
        };
        let (size, offset) = match &file.content {
            Content::Disk(disk) => {
                let opened = disk.open()?;
                let file = opened.ok_or_else(|| Error::entry(path, Problem::Changed))?;
                return Ok(Some(Box::new(file)));
            }
            Content::Held(offset) => (file.size, *offset),
            Content::Zipped(_) => {
                let (name, size) = (path.to_string(), file.size);
                self.holder = Some(self.unpack(path, file, staging)?);
                self.tree.relocate(&name, Content::Held(0));
                (size, 0)
            }
        };
        Ok(Some(Box::new(self.window(offset, size)?)))
    }

    fn unpack(
        &self,
        path: &EntryPath,
        file: &FileNode,
        staging: &Path,
    ) -> Result<std::fs::File, Error> {
        let mut spool = spool_in(staging)?;
        self.read(path, file, |content| {
            let copied = io::copy(&mut content.take(file.size + 1), &mut spool)?;
            if copied == file.size {
                Ok(())
            } else {
                Err(wrong_size())
            }
        })?;
        Ok(spool)
    }

    fn window(&self, offset: u64, size: u64) -> io::Result<Window> {
        let holder = self.holder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Window::new(holder.try_clone()?, offset, size))
    }

    fn read_zipped<T>(
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
    let changed = || Error::entry(path, Problem::Changed);
    let mut file = disk.open()?.ok_or_else(changed)?;
    let consumed = consume(&mut file);
    if disk.is_unchanged(&file)? {
        Ok(consumed?)
    } else {
        Err(changed())
    }
}

fn wrong_size() -> io::Error {
    let message = "the content does not have its declared size";
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A file without a name on the volume of the folder.
fn spool_in(staging: &Path) -> io::Result<std::fs::File> {
    tempfile::tempfile_in(staging).map_err(|error| {
        let message = format!("cannot stage content in {}: {error}", staging.display());
        io::Error::new(error.kind(), message)
    })
}
