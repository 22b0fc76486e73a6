//! The images of versions, each a file named by the SHA-256 of its bytes.
//!
//! A file is durable before a row names it, and a row is gone before its file is. Equal images of
//! several versions are one file. Whoever places a file and names it in a row, or finds that no
//! row names it and removes it, holds the [lock](Images::lock) for that time; that keeps the two
//! from meeting.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use aar_daemon::base_dir::private_dir;
use aar_types::{Clock, Digest};
use tokio::sync::{Mutex, MutexGuard};

use crate::{Error, store::Store};

/// How old a file that no row names has to be before it is removed: a pulled image lies there for
/// a moment before its row is written, and after a crash until the next round.
const UNUSED_AFTER: Duration = Duration::from_hours(1);
/// How old an unfinished download has to be before nobody is expected to go on with it.
const ABANDONED_AFTER: Duration = Duration::from_hours(7 * 24);

const SUFFIX: &str = ".tar.zst";

/// The folder of images. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    folder: PathBuf,
    store: Store,
    lock: Arc<Mutex<()>>,
}

impl Images {
    pub(crate) fn open(folder: PathBuf, store: Store) -> io::Result<Self> {
        private_dir(&folder)?;
        Ok(Self {
            folder,
            store,
            lock: Arc::default(),
        })
    }

    /// Where the image with this digest is, or is to be.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(&name[..2]).join(name + SUFFIX)
    }

    /// Makes the folder that an image is to be placed in.
    pub(crate) fn prepare(&self, digest: &Digest) -> io::Result<PathBuf> {
        let path = self.path(digest);
        if let Some(folder) = path.parent() {
            private_dir(folder)?;
        }
        Ok(path)
    }

    /// Held while a file and its row are brought into being or removed together.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().await
    }

    /// Moves a complete, synced file to the place of its digest, durably.
    pub(crate) async fn place(&self, from: &Path, digest: Digest) -> Result<(), Error> {
        let (images, from) = (self.clone(), from.to_owned());
        let placed = tokio::task::spawn_blocking(move || {
            let to = images.prepare(&digest)?;
            fs_err::rename(from, &to)?;
            sync_folders(&to)
        });
        Ok(placed.await??)
    }

    /// Removes images that no row names any more.
    pub(crate) async fn remove_unused(&self, digests: impl IntoIterator<Item = Digest>) {
        for digest in digests {
            if let Err(error) = self.remove_if_unused(&digest).await {
                tracing::warn!(%digest, %error, "an unused image could not be removed yet");
            }
        }
    }

    async fn remove_if_unused(&self, digest: &Digest) -> Result<(), Error> {
        let _alone = self.lock().await;
        if self.store.is_in_use(digest).await? {
            return Ok(());
        }
        match fs_err::tokio::remove_file(self.path(digest)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes what nothing will ever use: images without a row and downloads that nobody goes on
    /// with, both after a time.
    pub(crate) async fn reap(&self, clock: &Clock) -> Result<u64, Error> {
        let now = SystemTime::from(clock.now());
        let _alone = self.lock().await;
        let in_use = self.store.digests_in_use().await?;
        let images = self.clone();
        let reaped = tokio::task::spawn_blocking(move || images.sweep(now, |d| in_use.contains(d)));
        Ok(reaped.await??)
    }

    fn sweep(&self, now: SystemTime, in_use: impl Fn(&Digest) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        for shelf in fs_err::read_dir(&self.folder)? {
            for file in fs_err::read_dir(shelf?.path())? {
                let file = file?;
                let age = now
                    .duration_since(file.metadata()?.modified()?)
                    .unwrap_or_default();
                if is_left_over(&file.file_name().to_string_lossy(), age, &in_use) {
                    tracing::info!(path = %file.path().display(), "removing what nothing uses");
                    fs_err::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

fn is_left_over(name: &str, age: Duration, in_use: impl Fn(&Digest) -> bool) -> bool {
    match name
        .strip_suffix(SUFFIX)
        .and_then(|digest| digest.parse().ok())
    {
        Some(digest) => age > UNUSED_AFTER && !in_use(&digest),
        None => age > ABANDONED_AFTER,
    }
}

/// A rename is durable once the folder is; a new folder once the one above it is.
fn sync_folders(file: &Path) -> io::Result<()> {
    for folder in file.ancestors().skip(1).take(2) {
        fs_err::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unused_and_old_is_left_over() {
        let name = format!("{}{SUFFIX}", Digest::from_bytes([7; 32]));
        let hour = Duration::from_hours(1);
        let left_over = |name: &str, age, used| is_left_over(name, age, |_| used);
        assert!(left_over(&name, hour * 2, false));
        assert!(!left_over(&name, hour * 2, true));
        assert!(!left_over(&name, hour / 2, false));
        let partial = name + ".partial";
        assert!(!left_over(&partial, hour * 24, false));
        assert!(left_over(&partial, hour * 24 * 8, false));
    }
}
