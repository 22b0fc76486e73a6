//! The images of versions, each a file named by the SHA-256 of its bytes.
//!
//! A file is durable before a row names it, and a row is gone before its file is. Equal images of
//! several versions are one file. Whoever places a file and names it in a row, or finds that no
//! row names it and removes it, holds the [lock](Images::lock) for that time; that keeps the two
//! from meeting.

use std::{
    collections::HashSet,
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
const PARTIAL: &str = ".partial";

/// The folder of images. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    folder: PathBuf,
    store: Store,
    clock: Clock,
    since: SystemTime,
    lock: Arc<Mutex<()>>,
}

impl Images {
    pub(crate) fn open(folder: PathBuf, store: Store, clock: Clock) -> io::Result<Self> {
        private_dir(&folder)?;
        Ok(Self {
            folder,
            store,
            since: clock.now().into(),
            clock,
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
        let file = self.path(digest);
        let removed = tokio::task::spawn_blocking(move || remove(&file));
        Ok(removed.await??)
    }

    /// Removes what nothing will ever use: images without a row and downloads that nobody goes on
    /// with, both after a time. After the start everything stays for as long: what came before AMS
    /// was stopped may be what the first round goes on with.
    pub(crate) async fn reap(&self) -> Result<(), Error> {
        let now = SystemTime::from(self.clock.now());
        if now.duration_since(self.since).unwrap_or_default() <= UNUSED_AFTER {
            return Ok(());
        }
        let _alone = self.lock().await;
        let in_use = self.store.digests_in_use().await?;
        self.sweep(move |file, modified| {
            let age = now.duration_since(modified).unwrap_or_default();
            match file {
                Kind::Image(digest) => age > UNUSED_AFTER && !in_use.contains(digest),
                Kind::Partial(_) | Kind::Foreign => age > ABANDONED_AFTER,
            }
        })
        .await
    }

    /// Removes the unfinished downloads of all images but these.
    pub(crate) async fn retain_partials(&self, wanted: HashSet<Digest>) -> Result<(), Error> {
        self.sweep(move |file, _| match file {
            Kind::Partial(digest) => !wanted.contains(digest),
            Kind::Image(_) | Kind::Foreign => false,
        })
        .await
    }

    async fn sweep(
        &self,
        is_left_over: impl Fn(&Kind, SystemTime) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let folder = self.folder.clone();
        let swept = tokio::task::spawn_blocking(move || {
            for entry in fs_err::read_dir(folder)? {
                let entry = entry?;
                if is_shelf(&entry)? {
                    sweep_shelf(&entry.path(), &is_left_over)?;
                }
            }
            Ok::<_, io::Error>(())
        });
        Ok(swept.await??)
    }
}

/// Images lie in folders named by the first two digits of their digests. What lies beside those,
/// such as `lost+found`, is not AMS's, and may not even be readable.
fn is_shelf(entry: &fs_err::DirEntry) -> io::Result<bool> {
    let name = entry.file_name();
    let digits = name.as_encoded_bytes();
    let named = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    Ok(named && entry.file_type()?.is_dir())
}

fn sweep_shelf(shelf: &Path, is_left_over: &impl Fn(&Kind, SystemTime) -> bool) -> io::Result<()> {
    for file in fs_err::read_dir(shelf)? {
        sweep_one(&file?, is_left_over)?;
    }
    Ok(())
}

fn sweep_one(
    file: &fs_err::DirEntry,
    is_left_over: &impl Fn(&Kind, SystemTime) -> bool,
) -> io::Result<()> {
    // A download may have taken its final name since the folder was read.
    let Ok(facts) = file.metadata() else {
        return Ok(());
    };
    let kind = Kind::of(&file.file_name().to_string_lossy());
    if facts.is_file() && is_left_over(&kind, facts.modified()?) {
        tracing::info!(path = %file.path().display(), "removing what nothing uses");
        remove(&file.path())?;
    }
    Ok(())
}

/// Somebody else may remove the same file at the same time.
fn remove(file: &Path) -> io::Result<()> {
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a file is, by its name.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// The image with this digest.
    Image(Digest),
    /// A part of the image with this digest.
    Partial(Digest),
    /// Nothing that AMS has put there.
    Foreign,
}

impl Kind {
    fn of(name: &str) -> Self {
        let whole = name.strip_suffix(PARTIAL);
        let digest = whole.unwrap_or(name).strip_suffix(SUFFIX);
        match digest.and_then(|digest| digest.parse().ok()) {
            Some(digest) if whole.is_some() => Self::Partial(digest),
            Some(digest) => Self::Image(digest),
            None => Self::Foreign,
        }
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
    use aar_types::ManualClock;
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    /// A folder of images in which nothing is named by a row.
    struct Here {
        images: Images,
        clock: ManualClock,
        folder: tempfile::TempDir,
    }

    impl Here {
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

        /// A file that was written some hours before the start.
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
    fn files_are_known_by_their_names() {
        let digest = Digest::from_bytes([7; 32]);
        let image = format!("{digest}{SUFFIX}");
        assert_eq!(Kind::of(&image), Kind::Image(digest));
        assert_eq!(
            Kind::of(&format!("{image}{PARTIAL}")),
            Kind::Partial(digest)
        );
        for foreign in ["lost+found", "abc.tar.zst", &format!("{image}.bak")] {
            assert_eq!(Kind::of(foreign), Kind::Foreign);
        }
    }

    #[tokio::test]
    async fn an_image_that_no_row_names_is_removed_in_time_and_never_soon_after_the_start() {
        let here = Here::new().await;
        let orphan = here.file(&image(7), 48);
        let partial = here.file(&format!("{}{PARTIAL}", image(8)), 48);
        let abandoned = here.file(&format!("{}{PARTIAL}", image(9)), 8 * 24);
        here.clock.advance(SignedDuration::from_hours(1));
        here.images.reap().await.unwrap();
        for file in [&orphan, &partial, &abandoned] {
            assert!(file.exists(), "the first round may go on with it");
        }
        let fresh = here.file(&image(10), 0);
        here.clock.advance(SignedDuration::from_secs(1));
        here.images.reap().await.unwrap();
        assert!(!orphan.exists() && !abandoned.exists());
        assert!(partial.exists(), "a download can go on there");
        assert!(fresh.exists(), "a round may be about to import it");
    }

    #[tokio::test]
    async fn what_is_no_folder_of_images_is_left_alone_and_stops_no_sweep() {
        let here = Here::new().await;
        let (beside, within) = (here.file("note.txt", 0), here.file("lost+found/x", 0));
        let in_the_way = here.file("ab", 0);
        let partial = here.file(&format!("{}{PARTIAL}", image(7)), 0);
        here.images.retain_partials(HashSet::new()).await.unwrap();
        assert!(!partial.exists());
        assert!(
            [beside, within, in_the_way]
                .iter()
                .all(|file| file.exists())
        );
    }

    #[test]
    fn a_file_that_is_gone_already_is_removed() {
        remove(Path::new("no/such/file")).unwrap();
    }
}
