//! Files of a package folder, guarded against changes between listing and reading.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A file as it was when the folder was listed.
#[derive(Debug, Clone)]
pub(crate) struct DiskFile {
    path: PathBuf,
    listed: FileIdentity,
}

/// Attributes that identify a file and change with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl DiskFile {
    pub(crate) fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            listed: FileIdentity::of(metadata),
        }
    }

    /// Opens the file, or returns none if another file or a link has replaced it or a folder above
    /// it since it was listed.
    pub(crate) fn open(&self) -> io::Result<Option<std::fs::File>> {
        let file = fs_err::File::open(&self.path)?;
        let unchanged = self.is_unchanged(file.file())?;
        Ok(unchanged.then(|| file.into_parts().0))
    }

    pub(crate) fn is_unchanged(&self, file: &std::fs::File) -> io::Result<bool> {
        Ok(FileIdentity::of(&file.metadata()?) == self.listed)
    }
}
