//! The target of an exported image.
//!
//! A file appears complete or not at all; symbolic links to it stay. A pipe or a device is not replaced: it
//! gets the image as it arrives.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use aar_fs::{NewFile, if_exists};

/// Before the umask.
const MODE: u32 = 0o666;

pub(super) enum ExportTarget {
    File(NewFile),
    Stream(Box<dyn Write + Send>),
}

impl ExportTarget {
    /// Opening a pipe blocks until it has a reader.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        match path.metadata() {
            Ok(existing) if !existing.is_file() => {
                Ok(Self::stream(OpenOptions::new().write(true).open(path)?))
            }
            _ => Self::file(&resolve_links(path)?),
        }
    }

    pub(super) fn stream(out: impl Write + Send + 'static) -> Self {
        Self::Stream(Box::new(out))
    }

    fn file(path: &Path) -> io::Result<Self> {
        // The error of a missing folder must not contain a path: `cannot_write` adds that of the caller.
        folder_of(path).metadata()?;
        Ok(Self::File(NewFile::create(path, MODE)?))
    }

    /// Whether the written bytes cannot be removed.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(super) fn writer(&mut self) -> &mut (dyn Write + Send) {
        match self {
            Self::File(file) => file,
            Self::Stream(stream) => stream,
        }
    }

    pub(super) fn commit(self) -> io::Result<()> {
        match self {
            Self::File(file) => file.replace(),
            Self::Stream(_) => Ok(()),
        }
    }
}

/// Follows symbolic links, also to a file that does not exist yet.
fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    if let Some(resolved) = if_exists(path.canonicalize())? {
        return Ok(resolved);
    }
    match path.read_link() {
        Ok(target) => resolve_links(&folder_of(path).join(target)),
        Err(_) => Ok(path.to_owned()),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
