//! Where an image is written.
//!
//! A file appears whole or not at all, under the name that symbolic links lead to. What is no file,
//! such as a pipe or a device, stays what it is: the image runs through it as it arrives.

use std::{
    fs::{OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

pub(super) enum Target {
    /// A file without a name that anybody looks at, which goes away when it is not kept, and the
    /// path that it gets.
    File(NamedTempFile, PathBuf),
    Stream(Box<dyn Write + Send>),
}

impl Target {
    /// What a path leads to. Waits at a pipe until somebody reads it.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        match path.metadata() {
            Ok(there) if !there.is_file() => {
                Ok(Self::stream(OpenOptions::new().write(true).open(path)?))
            }
            _ => Self::file(behind_links(path)?),
        }
    }

    pub(super) fn stream(out: impl Write + Send + 'static) -> Self {
        Self::Stream(Box::new(out))
    }

    fn file(path: PathBuf) -> io::Result<Self> {
        let folder = folder_of(&path);
        // Without a path: what is said of a folder that is not there goes with that of the caller.
        folder.metadata()?;
        let file = tempfile::Builder::new()
            .prefix(".ams-export-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        Ok(Self::File(file, path))
    }

    /// Whether somebody has what was written, good or bad.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(super) fn writer(&mut self) -> &mut (dyn Write + Send) {
        match self {
            Self::File(file, _) => file,
            Self::Stream(stream) => stream,
        }
    }

    /// Says that what was written is good.
    pub(super) fn keep(self) -> io::Result<()> {
        let Self::File(file, to) = self else {
            return Ok(());
        };
        file.as_file().sync_all()?;
        let path = file.into_temp_path();
        fs_err::rename(&path, to)?;
        // There is nothing left under that name to clean up.
        path.keep()?;
        Ok(())
    }
}

/// The path of the file that a path leads to, also where the last link leads to nothing yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.read_link() {
            Ok(target) => behind_links(&folder_of(path).join(target)),
            Err(_) => Ok(path.to_owned()),
        },
        found => found,
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
