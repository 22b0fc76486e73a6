//! Files that are on their way: uploaded packages and images that are being made.
//!
//! They lie on the volume of the images, so that an image gets to its place by renaming. Uploads are
//! only so many at once, every file is gone with its handle, and what a crash left is removed at
//! start.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aar_daemon::base_dir::private_dir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::Error;

/// How many uploads may be on their way at once.
const MAX_UPLOADS: usize = 64;

/// The folder of files that are on their way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Staging {
    folder: PathBuf,
    room: Arc<Semaphore>,
}

/// A place for a file. The file is removed with it, unless it was moved away.
#[derive(Debug)]
pub struct StagedFile {
    path: PathBuf,
    _room: Option<OwnedSemaphorePermit>,
}

impl Staging {
    /// Opens the folder and removes what an earlier run left in it.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        private_dir(&folder)?;
        for left in fs_err::read_dir(&folder)? {
            let path = left?.path();
            tracing::info!(path = %path.display(), "removing what an earlier run left");
            if path.is_dir() {
                fs_err::remove_dir_all(path)?;
            } else {
                fs_err::remove_file(path)?;
            }
        }
        let room = Arc::new(Semaphore::new(MAX_UPLOADS));
        Ok(Self { folder, room })
    }

    /// A place for an upload. The file itself is not there yet.
    pub fn new_file(&self) -> Result<StagedFile, Error> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Error::Busy("too many uploads are under way"))?;
        Ok(self.place(Some(room)))
    }

    /// A place for an image that is made of an upload.
    pub(crate) fn new_image(&self) -> StagedFile {
        self.place(None)
    }

    fn place(&self, room: Option<OwnedSemaphorePermit>) -> StagedFile {
        StagedFile {
            path: self.folder.join(Uuid::new_v4().to_string()),
            _room: room,
        }
    }

    /// The folder itself, for files without a name.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl StagedFile {
    /// Where the file is, or is to be.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        match fs_err::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "a staged file could not be removed");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_file_is_gone_with_its_handle_and_room_is_bounded() {
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
    fn what_a_crash_left_is_removed_at_start() {
        let folder = aar_testkit::Folder::new("staging");
        fs_err::write(folder.path().join("left"), "x").unwrap();
        Staging::open(folder.path().to_owned()).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}
