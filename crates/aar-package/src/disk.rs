//! Files of a folder that is packed, guarded against changes between two looks at them.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A file as it was when the folder was listed.
#[derive(Debug)]
pub(crate) struct DiskFile {
    path: PathBuf,
    seen: Identity,
}

/// Which file it is, and what would change if its content did.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
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
            seen: Identity::of(metadata),
        }
    }

    /// Opens the file. It must still be the one that was listed: a link or another file put in
    /// its place, or in the place of a folder above it, is `None`.
    pub(crate) fn open(&self) -> io::Result<Option<std::fs::File>> {
        let file = fs_err::File::open(&self.path)?;
        let unchanged = self.is_unchanged(file.file())?;
        Ok(unchanged.then(|| file.into_parts().0))
    }

    /// Whether the content that was read from the file is the content that was listed.
    pub(crate) fn is_unchanged(&self, file: &std::fs::File) -> io::Result<bool> {
        Ok(Identity::of(&file.metadata()?) == self.seen)
    }
}
