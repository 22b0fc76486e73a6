//! The images of versions: files named by the SHA-256 of their bytes.
//!
//! A file is durable before a row of the database names it, and the row is removed before the file.
//! Versions with equal images share one file. Adding a file with its row, and removing a file that
//! no row names, both hold the [lock](Images::lock), so neither sees the other half done.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime},
};

use aar_types::{Clock, Digest};
use tokio::sync::{Mutex, MutexGuard};

use crate::{Error, store::Store};

/// The age at which a file is removed that no row names. The row of a pulled image is written
/// shortly after its file, or in the next round after a crash.
const UNUSED_AFTER: Duration = Duration::from_hours(1);
/// The age at which a partial download is removed, which the agent resumes before.
const ABANDONED_AFTER: Duration = Duration::from_hours(7 * 24);

/// File systems take the time of a write from a clock that may differ a little.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);
const SUFFIX: &str = ".tar.zst";
const PARTIAL_SUFFIX: &str = ".partial";

/// The folder of images. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    folder: PathBuf,
    store: Store,
    clock: Clock,
    opened_at: Arc<std::sync::Mutex<SystemTime>>,
    lock: Arc<Mutex<()>>,
}

impl Images {
    pub(crate) fn open(folder: PathBuf, store: Store, clock: Clock) -> io::Result<Self> {
        aar_fs::create_private_folder(&folder)?;
        Ok(Self {
            folder,
            store,
            opened_at: Arc::new(std::sync::Mutex::new(clock.now().into())),
            clock,
            lock: Arc::default(),
        })
    }

    /// The path of an image, which may not exist yet.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(&name[..2]).join(name + SUFFIX)
    }

    /// The path of an image, whose folder is created.
    pub(crate) fn prepare(&self, digest: &Digest) -> io::Result<PathBuf> {
        let path = self.path(digest);
        if let Some(folder) = path.parent() {
            aar_fs::create_private_folder(folder)?;
        }
        Ok(path)
    }

    /// Held while a file is added with its row, or removed.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().await
    }

    /// Moves a complete, synced file durably to the path of its digest.
    pub(crate) async fn place(&self, from: &Path, digest: Digest) -> Result<(), Error> {
        let (images, from) = (self.clone(), from.to_owned());
        let placed = tokio::task::spawn_blocking(move || {
            let to = images.prepare(&digest)?;
            aar_fs::rename(&from, &to)
        });
        Ok(placed.await??)
    }

    /// Removes those of the images that no row names.
    pub(crate) async fn remove_unused(&self, digests: impl IntoIterator<Item = Digest>) {
        for digest in digests {
            if let Err(error) = self.remove_if_unused(&digest).await {
                tracing::warn!(%digest, %error, "cannot remove an unused image; retrying within an hour");
            }
        }
    }

    async fn remove_if_unused(&self, digest: &Digest) -> Result<(), Error> {
        let _lock = self.lock().await;
        if self.store.is_image_in_use(digest).await? {
            return Ok(());
        }
        let file = self.path(digest);
        let removed = tokio::task::spawn_blocking(move || aar_fs::remove_if_exists(&file));
        removed.await??;
        Ok(())
    }

    /// Removes images without a row and abandoned downloads. In the first hour after the start
    /// nothing is removed: the first round may need files of the earlier run.
    pub(crate) async fn reap(&self) -> Result<(), Error> {
        let now = SystemTime::from(self.clock.now());
        if self.running_for(now) <= UNUSED_AFTER {
            return Ok(());
        }
        let _lock = self.lock().await;
        let in_use = self.store.images_in_use().await?;
        self.correct_times(now).await?;
        self.sweep(move |file, modified| {
            let age = now.duration_since(modified).unwrap_or_default();
            match file {
                FileKind::Image(digest) => age > UNUSED_AFTER && !in_use.contains(digest),
                FileKind::Partial(_) | FileKind::Foreign => age > ABANDONED_AFTER,
            }
        })
        .await
    }

    /// The time since the start. A start in the future was before the clock was set back, and counts as now.
    fn running_for(&self, now: SystemTime) -> Duration {
        let mut opened_at = self
            .opened_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *opened_at = (*opened_at).min(now);
        now.duration_since(*opened_at).unwrap_or_default()
    }

    /// Gives files that were written while the clock was ahead the current time, so that they age.
    async fn correct_times(&self, now: SystemTime) -> Result<(), Error> {
        let folder = self.folder.clone();
        let corrected = tokio::task::spawn_blocking(move || {
            for_each_file(&folder, &|file| {
                let Ok(facts) = file.metadata() else {
                    return Ok(());
                };
                if facts.is_file() && facts.modified()? > now + CLOCK_TOLERANCE {
                    let file = fs_err::OpenOptions::new().write(true).open(file.path())?;
                    file.file().set_modified(now)?;
                }
                Ok(())
            })
        });
        Ok(corrected.await??)
    }

    /// Removes the partial downloads of all images except these.
    pub(crate) async fn retain_partials(&self, wanted: HashSet<Digest>) -> Result<(), Error> {
        self.sweep(move |file, _| match file {
            FileKind::Partial(digest) => !wanted.contains(digest),
            FileKind::Image(_) | FileKind::Foreign => false,
        })
        .await
    }

    async fn sweep(
        &self,
        is_unused: impl Fn(&FileKind, SystemTime) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let folder = self.folder.clone();
        let swept = tokio::task::spawn_blocking(move || {
            for_each_file(&folder, &|file| sweep_one(file, &is_unused))
        });
        Ok(swept.await??)
    }
}

/// Images are in folders named by the first two digits of their digests. Others, such as
/// `lost+found`, do not belong to AMS and may be unreadable.
fn is_prefix_folder(entry: &fs_err::DirEntry) -> io::Result<bool> {
    let name = entry.file_name();
    let digits = name.as_encoded_bytes();
    let named = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    Ok(named && entry.file_type()?.is_dir())
}

/// Calls a function for each file in the folders of images.
fn for_each_file(
    folder: &Path,
    work: &dyn Fn(&fs_err::DirEntry) -> io::Result<()>,
) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if is_prefix_folder(&entry)? {
            for file in fs_err::read_dir(entry.path())? {
                work(&file?)?;
            }
        }
    }
    Ok(())
}

fn sweep_one(
    file: &fs_err::DirEntry,
    is_unused: &impl Fn(&FileKind, SystemTime) -> bool,
) -> io::Result<()> {
    // A download may have been renamed since the folder was read.
    let Ok(facts) = file.metadata() else {
        return Ok(());
    };
    let kind = FileKind::of(&file.file_name().to_string_lossy());
    if facts.is_file() && is_unused(&kind, facts.modified()?) {
        tracing::info!(path = %file.path().display(), "removing an unused file");
        aar_fs::remove_if_exists(&file.path())?;
    }
    Ok(())
}

/// The kind of a file, by its name.
#[derive(Debug, PartialEq, Eq)]
enum FileKind {
    Image(Digest),
    /// An unfinished download of the image.
    Partial(Digest),
    /// Not a file of AMS.
    Foreign,
}

impl FileKind {
    fn of(name: &str) -> Self {
        let whole = name.strip_suffix(PARTIAL_SUFFIX);
        let digest = whole.unwrap_or(name).strip_suffix(SUFFIX);
        match digest.and_then(|digest| digest.parse().ok()) {
            Some(digest) if whole.is_some() => Self::Partial(digest),
            Some(digest) => Self::Image(digest),
            None => Self::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use aar_types::ManualClock;
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    /// Images without rows.
    struct TestImages {
        images: Images,
        clock: ManualClock,
        folder: tempfile::TempDir,
    }

    impl TestImages {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = ManualClock::new(Timestamp::from_second(1_000_000_000).unwrap());
            let store = Store::open(&folder.path().join("ams.db")).await.unwrap();
            let images = folder.path().join("images");
            let images = Images::open(images, store, clock.clone().into()).unwrap();
            Self {
                images,
                clock,
                folder,
            }
        }

        /// Creates a file that is some hours old.
        fn file(&self, name: &str, hours: i64) -> PathBuf {
            let path = self.folder.path().join("images").join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs_err::File::create(&path).unwrap();
            let age = SignedDuration::from_hours(hours);
            let written = Clock::from(self.clock.clone()).now() - age;
            file.into_file().set_modified(written.into()).unwrap();
            path
        }
    }

    fn image(digest: u8) -> String {
        let digest = Digest::from_bytes([digest; 32]).to_string();
        format!("{}/{digest}{SUFFIX}", &digest[..2])
    }

    #[test]
    fn file_kind_is_read_from_its_name() {
        let digest = Digest::from_bytes([7; 32]);
        let image = format!("{digest}{SUFFIX}");
        assert_eq!(FileKind::of(&image), FileKind::Image(digest));
        assert_eq!(
            FileKind::of(&format!("{image}{PARTIAL_SUFFIX}")),
            FileKind::Partial(digest)
        );
        for foreign in ["lost+found", "abc.tar.zst", &format!("{image}.bak")] {
            assert_eq!(FileKind::of(foreign), FileKind::Foreign);
        }
    }

    #[tokio::test]
    async fn image_without_row_is_removed_after_an_hour_but_not_in_the_first_hour_of_a_run() {
        let test = TestImages::new().await;
        let orphan = test.file(&image(7), 48);
        let partial = test.file(&format!("{}{PARTIAL_SUFFIX}", image(8)), 48);
        let abandoned = test.file(&format!("{}{PARTIAL_SUFFIX}", image(9)), 8 * 24);
        test.clock.advance(SignedDuration::from_hours(1));
        test.images.reap().await.unwrap();
        for file in [&orphan, &partial, &abandoned] {
            assert!(file.exists(), "the first round may need it");
        }
        let fresh = test.file(&image(10), 0);
        test.clock.advance(SignedDuration::from_secs(1));
        test.images.reap().await.unwrap();
        assert!(!orphan.exists() && !abandoned.exists());
        assert!(partial.exists(), "the download can be resumed");
        assert!(fresh.exists(), "a round may be about to import it");
    }

    #[tokio::test]
    async fn unused_image_is_removed_although_the_clock_was_a_year_ahead() {
        let test = TestImages::new().await;
        let year = SignedDuration::from_hours(365 * 24);
        let orphan = test.file(&image(7), -365 * 24);
        *test.images.opened_at.lock().unwrap() += year.unsigned_abs();
        for hours in [0, 2, 2] {
            test.clock.advance(SignedDuration::from_hours(hours));
            test.images.reap().await.unwrap();
        }
        assert!(!orphan.exists());
    }

    #[tokio::test]
    async fn foreign_file_is_kept_and_does_not_stop_the_sweep() {
        let test = TestImages::new().await;
        let (beside, within) = (test.file("note.txt", 0), test.file("lost+found/x", 0));
        let in_the_way = test.file("ab", 0);
        let partial = test.file(&format!("{}{PARTIAL_SUFFIX}", image(7)), 0);
        test.images.retain_partials(HashSet::new()).await.unwrap();
        assert!(!partial.exists());
        assert!(
            [beside, within, in_the_way]
                .iter()
                .all(|file| file.exists())
        );
    }
}
