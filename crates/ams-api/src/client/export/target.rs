//! Where an image is written.
//!
//! A file appears complete or not at all; symbolic links to it stay. A pipe or a device is not replaced:
//! it gets the image as it arrives.

use std::{
    fs::{OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

pub(super) enum ExportTarget {
    /// A temporary file, and the path that it gets on commit.
    File(NamedTempFile, PathBuf),
    Stream(Box<dyn Write + Send>),
}

impl ExportTarget {
    /// Opening a pipe blocks until it has a reader.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        match path.metadata() {
            Ok(existing) if !existing.is_file() => {
                Ok(Self::stream(OpenOptions::new().write(true).open(path)?))
            }
            _ => Self::file(resolve_links(path)?),
        }
    }

    pub(super) fn stream(out: impl Write + Send + 'static) -> Self {
        Self::Stream(Box::new(out))
    }

    fn file(path: PathBuf) -> io::Result<Self> {
        let folder = folder_of(&path);
        // The error of a missing folder must not contain a path: `cannot_write` adds that of the caller.
        folder.metadata()?;
        let file = tempfile::Builder::new()
            .prefix(".ams-export-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        Ok(Self::File(file, path))
    }

    /// Whether the written bytes cannot be removed.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(super) fn writer(&mut self) -> &mut (dyn Write + Send) {
        match self {
            Self::File(file, _) => file,
            Self::Stream(stream) => stream,
        }
    }

    pub(super) fn commit(self) -> io::Result<()> {
        let Self::File(file, to) = self else {
            return Ok(());
        };
        file.as_file().sync_all()?;
        let path = file.into_temp_path();
        fs_err::rename(&path, to)?;
        // The temporary name is gone, so there is nothing to remove on drop.
        path.keep()?;
        Ok(())
    }
}

/// Follows symbolic links, also to a file that does not exist yet.
fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.read_link() {
            Ok(target) => resolve_links(&folder_of(path).join(target)),
            Err(_) => Ok(path.to_owned()),
        },
        resolved => resolved,
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
