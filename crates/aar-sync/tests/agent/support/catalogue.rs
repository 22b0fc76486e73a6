//! A local catalogue in memory, with its images in a folder. It outlives its agent.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use aar_sync::{KnownRegistry, LocalApplication, LocalCatalogue, LocalError, LocalVersion, Origin};
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Digest, ImageInfo, Version, VersionNumber,
};
use tokio::sync::{Notify, OwnedMutexGuard};

use super::{
    fingerprint, image,
    interleaving::{Actor, GatedLock, Gates},
};

/// Clones share their content, like connections to a database.
#[derive(Clone)]
pub(crate) struct TestCatalogue(Arc<Inner>);

struct Inner {
    folder: tempfile::TempDir,
    content: Mutex<Content>,
    /// After so many calls, every call blocks forever, as if the process had been killed.
    calls_left: AtomicI64,
    killed: Notify,
    /// How many of the next imports fail for lack of space.
    full: AtomicUsize,
    deleted: Notify,
    deletions: AtomicBool,
    lock: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Content {
    applications: BTreeMap<ApplicationName, LocalApplication>,
    known: Option<KnownRegistry>,
    uploads: BTreeMap<Digest, String>,
    /// Where the agent stops, in runs of every order of two operations.
    gates: Option<Gates>,
}

/// One lock for all applications.
pub(crate) enum CatalogueLock {
    Whole(#[expect(dead_code, reason = "held")] OwnedMutexGuard<()>),
    Gated(#[expect(dead_code, reason = "held")] GatedLock),
}

impl TestCatalogue {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            content: Mutex::default(),
            calls_left: AtomicI64::new(i64::MAX),
            killed: Notify::new(),
            full: AtomicUsize::new(0),
            deleted: Notify::new(),
            deletions: AtomicBool::new(true),
            lock: Arc::default(),
        }))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().unwrap()
    }

    pub(crate) fn all(&self) -> BTreeMap<ApplicationName, LocalApplication> {
        self.content().applications.clone()
    }

    /// The versions of an application in words: `0 1w`; `-` if there is no application.
    pub(crate) fn versions(&self, application: &str) -> String {
        let content = self.content();
        let Some(found) = content.applications.get(&super::name(application)) else {
            return "-".to_owned();
        };
        let word = |version: &LocalVersion| {
            let mark = if version.published { "" } else { "w" };
            format!("{}{mark}", version.number)
        };
        let words: Vec<_> = found.versions.iter().map(word).collect();
        words.join(" ")
    }

    pub(crate) fn known(&self) -> Option<KnownRegistry> {
        self.content().known.clone()
    }

    pub(crate) fn uploads(&self) -> usize {
        self.content().uploads.len()
    }

    pub(crate) fn has_upload_of(&self, digest: &Digest) -> bool {
        self.content().uploads.contains_key(digest)
    }

    /// Creates a version of a local application.
    pub(crate) fn create(&self, application: &str, number: u32, bytes: &[u8]) {
        let image = image(bytes);
        std::fs::write(self.import_path(&image), bytes).unwrap();
        let mut content = self.content();
        let name = super::name(application);
        let found = content.applications.entry(name.clone());
        let found = found.or_insert_with(|| LocalApplication {
            name,
            origin: Origin::Local,
            metadata: ApplicationMetadata::default(),
            versions: Vec::new(),
            building: false,
        });
        put(found, VersionNumber(number), true, image);
    }

    /// Changes an application like its owner.
    pub(crate) fn edit(&self, application: &str, work: impl FnOnce(&mut LocalApplication)) {
        let mut content = self.content();
        if let Some(found) = content.applications.get_mut(&super::name(application)) {
            work(found);
        }
    }

    pub(crate) fn delete(&self, application: &str) {
        self.content()
            .applications
            .remove(&super::name(application));
    }

    /// Blocks after so many calls; `None` never.
    pub(crate) fn kill_after(&self, calls: Option<i64>) {
        let calls = calls.unwrap_or(i64::MAX);
        self.0.calls_left.store(calls, Ordering::SeqCst);
    }

    pub(crate) async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// The next time that a round deletes partial files, which is its last step.
    pub(crate) fn partial_files_deleted(&self) -> impl Future<Output = ()> + '_ {
        self.0.deleted.notified()
    }

    /// From now on, partial files cannot be deleted.
    pub(crate) fn fail_deletions(&self) {
        self.0.deletions.store(false, Ordering::SeqCst);
    }

    pub(crate) fn fill_disk(&self, imports: usize) {
        self.0.full.store(imports, Ordering::SeqCst);
    }

    /// The names of the files in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn set_gates(&self, gates: Option<&Gates>) {
        self.content().gates = gates.cloned();
    }

    /// Records an event of the agent and stops at the gate after it.
    async fn pass_gate(&self, event: &str) {
        let gates = self.content().gates.clone();
        if let Some(gates) = gates {
            gates.record(event);
            gates.pass(Actor::Agent).await;
        }
    }

    async fn call(&self) {
        if self.0.calls_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.0.killed.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Changes an imported application, as only the agent does.
    async fn change(&self, name: &ApplicationName, work: impl FnOnce(&mut LocalApplication)) {
        self.call().await;
        {
            let mut content = self.content();
            if let Some(found) = content.applications.get_mut(name) {
                assert_eq!(
                    found.origin,
                    Origin::Imported,
                    "{name} was changed by the agent"
                );
                work(found);
            }
        }
        self.call().await;
    }
}

fn put(found: &mut LocalApplication, number: VersionNumber, published: bool, image: ImageInfo) {
    found.versions.retain(|version| version.number != number);
    found.versions.push(LocalVersion {
        number,
        published,
        manifest: aar_types::VersionManifest::default(),
        image,
        ready: true,
        retired: false,
    });
    found.versions.sort_by_key(|version| version.number);
}

impl LocalCatalogue for TestCatalogue {
    type Lock = CatalogueLock;

    fn architecture(&self) -> Architecture {
        Architecture::Amd64
    }

    async fn applications(&self) -> Result<Vec<LocalApplication>, LocalError> {
        self.call().await;
        let applications = self.content().applications.values().cloned().collect();
        self.pass_gate("planned").await;
        Ok(applications)
    }

    async fn application(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<LocalApplication>, LocalError> {
        self.call().await;
        self.pass_gate("read").await;
        let found = self.content().applications.get(name).cloned();
        self.pass_gate("read").await;
        Ok(found)
    }

    async fn lock(&self, _: &ApplicationName) -> CatalogueLock {
        let gates = self.content().gates.clone();
        let Some(gates) = gates else {
            return CatalogueLock::Whole(Arc::clone(&self.0.lock).lock_owned().await);
        };
        let lock = gates.lock(Actor::Agent).await;
        gates.record("locked");
        CatalogueLock::Gated(lock)
    }

    async fn image_path(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<PathBuf, LocalError> {
        self.call().await;
        let content = self.content();
        let versions = content.applications.get(name).map(|it| &it.versions);
        let mut versions = versions.into_iter().flatten();
        let version = versions.find(|version| version.number == number);
        let version = version.ok_or_else(|| LocalError::failed("the version is gone"))?;
        Ok(self.import_path(&version.image))
    }

    fn import_path(&self, image: &ImageInfo) -> PathBuf {
        self.0.folder.path().join(image.digest.to_string())
    }

    async fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        image_file: &Path,
    ) -> Result<(), LocalError> {
        self.call().await;
        let decrement = |left: usize| left.checked_sub(1);
        let full = &self.0.full;
        if full
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement)
            .is_ok()
        {
            return Err(LocalError::NoSpace);
        }
        let bytes = std::fs::read(image_file).unwrap();
        assert_eq!(image(&bytes).digest, version.image.digest);
        if fingerprint(&bytes) != version.image.fingerprint {
            return Err(LocalError::BadImage("something else".to_owned()));
        }
        {
            let mut content = self.content();
            let found = content.applications.entry(name.clone());
            let found = found.or_insert_with(|| LocalApplication {
                name: name.clone(),
                origin: Origin::Imported,
                metadata: metadata.clone(),
                versions: Vec::new(),
                building: false,
            });
            assert_eq!(
                found.origin,
                Origin::Imported,
                "{name} was changed by the agent"
            );
            put(found, version.number, version.published, version.image);
        }
        self.pass_gate("imported").await;
        self.call().await;
        Ok(())
    }

    async fn retain_partial_files(&self, wanted: &[ImageInfo]) -> Result<(), LocalError> {
        if !self.0.deletions.load(Ordering::SeqCst) {
            return Err(LocalError::failed("no permission"));
        }
        let wanted: Vec<_> = wanted
            .iter()
            .map(|image| format!("{}.partial", image.digest))
            .collect();
        for file in self.files() {
            if file.ends_with(".partial") && !wanted.contains(&file) {
                std::fs::remove_file(self.0.folder.path().join(file)).unwrap();
            }
        }
        self.0.deleted.notify_waiters();
        Ok(())
    }

    async fn update_metadata(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
    ) -> Result<(), LocalError> {
        self.change(name, |found| found.metadata = metadata.clone())
            .await;
        Ok(())
    }

    async fn set_published(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), LocalError> {
        let set = |found: &mut LocalApplication| {
            let mut versions = found.versions.iter_mut();
            if let Some(version) = versions.find(|version| version.number == number) {
                version.published = published;
            }
        };
        self.change(name, set).await;
        Ok(())
    }

    async fn remove_version(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<(), LocalError> {
        self.change(name, |found| {
            found.versions.retain(|version| version.number != number);
        })
        .await;
        Ok(())
    }

    async fn remove_application(&self, name: &ApplicationName) -> Result<(), LocalError> {
        self.change(name, |_| {}).await;
        self.content().applications.remove(name);
        Ok(())
    }

    async fn known_registry(&self) -> Result<Option<KnownRegistry>, LocalError> {
        self.call().await;
        Ok(self.known())
    }

    async fn remember_registry(&self, registry: &KnownRegistry) -> Result<(), LocalError> {
        self.call().await;
        self.content().known = Some(registry.clone());
        Ok(())
    }

    async fn upload_session(&self, digest: &Digest) -> Result<Option<String>, LocalError> {
        self.call().await;
        Ok(self.content().uploads.get(digest).cloned())
    }

    async fn remember_upload(
        &self,
        digest: &Digest,
        address: Option<&str>,
    ) -> Result<(), LocalError> {
        self.call().await;
        let uploads = &mut self.content().uploads;
        match address {
            Some(address) => drop(uploads.insert(*digest, address.to_owned())),
            None => drop(uploads.remove(digest)),
        }
        Ok(())
    }
}
