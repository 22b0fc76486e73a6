//! The staging folder: uploaded packages and images that are being built.
//!
//! It is on the file system of the images, so that an image is moved by renaming it. The number of
//! uploads is limited. A file is removed when its handle is dropped; the next start removes files
//! that a crash left.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::Error;

/// How many uploads may be in flight.
const MAX_UPLOADS: usize = 64;

/// The staging folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Staging {
    folder: PathBuf,
    uploads: Arc<Semaphore>,
}

/// A path in the staging folder. Dropping it removes the file, unless that was moved away.
#[derive(Debug)]
pub struct StagedFile {
    path: PathBuf,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Staging {
    /// Opens the folder and empties it.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        aar_fs::create_private_folder(&folder)?;
        for left in fs_err::read_dir(&folder)? {
            let path = left?.path();
            tracing::info!(path = %path.display(), "removing a file left by an earlier run");
            if path.is_dir() {
                fs_err::remove_dir_all(path)?;
            } else {
                fs_err::remove_file(path)?;
            }
        }
        let uploads = Arc::new(Semaphore::new(MAX_UPLOADS));
        Ok(Self { folder, uploads })
    }

    /// A path for an upload. The caller creates the file.
    pub fn new_file(&self) -> Result<StagedFile, Error> {
        let permit = Arc::clone(&self.uploads).try_acquire_owned();
        let permit = permit.map_err(|_| Error::Busy("too many uploads are in progress"))?;
        Ok(self.staged_file(Some(permit)))
    }

    /// A path for an image that is built from an upload.
    pub(crate) fn new_image(&self) -> StagedFile {
        self.staged_file(None)
    }

    fn staged_file(&self, permit: Option<OwnedSemaphorePermit>) -> StagedFile {
        StagedFile {
            path: self.folder.join(Uuid::new_v4().to_string()),
            _permit: permit,
        }
    }

    /// For temporary files without a name.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl StagedFile {
    /// The file may not exist yet.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Err(error) = aar_fs::remove_if_exists(&self.path) {
            tracing::warn!(%error, "cannot remove a staged file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_file_is_removed_with_its_handle_and_uploads_are_limited() {
        let folder = aar_testkit::Folder::new("staging");
        let staging = Staging::open(folder.path().to_owned()).unwrap();
        let files: Vec<_> = (0..MAX_UPLOADS)
            .map(|_| staging.new_file().unwrap())
            .collect();
        assert!(matches!(staging.new_file(), Err(Error::Busy(_))));
        fs_err::write(files[0].path(), "x").unwrap();
        let path = files[0].path().to_owned();
        drop(files);
        assert!(!path.exists());
        assert!(staging.new_file().is_ok());
    }

    #[test]
    fn file_left_by_a_crash_is_removed_at_start() {
        let folder = aar_testkit::Folder::new("staging");
        fs_err::write(folder.path().join("left"), "x").unwrap();
        Staging::open(folder.path().to_owned()).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}
