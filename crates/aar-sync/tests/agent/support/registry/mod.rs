//! A registry in memory, with the API that the agent uses.

mod api;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use aar_tls::{Limits, TlsListener};
use aar_types::{
    Application, ApplicationMetadata, ApplicationName, Architecture, Change, ChangeKind, Digest,
    Fingerprint, Revision, Variant, Version, VersionNumber, VersionPut,
};
use hyper::{body::Bytes, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{TestCatalogue, content, identity, image, interleaving::Gates};

/// Serves until it is dropped.
pub(crate) struct FakeRegistry {
    address: std::net::SocketAddr,
    fingerprint: Fingerprint,
    state: Arc<ServerState>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct ServerState {
    content: Mutex<Content>,
    revision: watch::Sender<u64>,
    /// Transfers of this blob stall until it is cleared.
    stalled: watch::Sender<Option<Digest>>,
}

#[derive(Default)]
struct Content {
    id: String,
    applications: BTreeMap<ApplicationName, BTreeMap<Architecture, Variant>>,
    blobs: BTreeMap<Digest, Bytes>,
    uploads: Vec<(u64, Digest, Vec<u8>)>,
    changes: Vec<Change>,
    /// Replaces every response.
    fixed_response: Option<(u16, String)>,
    /// Deleted before the next commit of a version, as if it had been collected.
    delete_before_commit: Option<Digest>,
    requests: Vec<String>,
    /// Where the requests of the agent stop, and the catalogue that has to justify its changes.
    gates: Option<(Gates, TestCatalogue)>,
    unjustified: Vec<String>,
}

impl FakeRegistry {
    pub(crate) async fn start() -> Self {
        let identity = identity("registry");
        let any = "127.0.0.1:0".parse().unwrap();
        let mut listener = TlsListener::bind(any, &identity, Limits::default())
            .await
            .unwrap();
        let address = listener.local_addr();
        let state = Arc::new(ServerState::new());
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await;
                let state = Arc::clone(&served);
                connections.spawn(async move {
                    let service = service_fn(|request| api::serve(&state, request));
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            address,
            fingerprint: identity.certificate().fingerprint(),
            state,
            task,
        }
    }

    pub(crate) fn url(&self) -> url::Url {
        format!("https://{}", self.address).parse().unwrap()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Publishes a version whose content derives from name and number.
    pub(crate) fn publish(&self, application: &str, number: u32, tags: &[&str]) {
        let bytes = content(&format!("{application}/{number}"), 10_000);
        self.publish_content(application, number, tags, bytes);
    }

    pub(crate) fn publish_content(
        &self,
        application: &str,
        number: u32,
        tags: &[&str],
        bytes: Vec<u8>,
    ) {
        let put = VersionPut {
            application: ApplicationMetadata {
                tags: tags.iter().map(ToString::to_string).collect(),
                ..ApplicationMetadata::default()
            },
            manifest: aar_types::VersionManifest::default(),
            image: image(&bytes),
            published: true,
        };
        self.state.store(bytes);
        let name = super::name(application);
        self.state
            .put(&name, Architecture::Amd64, VersionNumber(number), put);
    }

    /// Publishes a version whose image has another fingerprint than declared.
    pub(crate) fn publish_bad(&self, application: &str, number: u32) {
        let bytes = content("bad", 10_000);
        let mut put = VersionPut {
            application: ApplicationMetadata::default(),
            manifest: aar_types::VersionManifest::default(),
            image: image(&bytes),
            published: true,
        };
        put.image.fingerprint = Fingerprint::from_bytes([1; 32]);
        self.state.store(bytes);
        let name = super::name(application);
        self.state
            .put(&name, Architecture::Amd64, VersionNumber(number), put);
    }

    pub(crate) fn set_published(&self, application: &str, number: u32, published: bool) {
        let name = super::name(application);
        self.state
            .patch(&name, Architecture::Amd64, VersionNumber(number), published);
    }

    pub(crate) fn remove_version(&self, application: &str, number: u32) {
        let name = super::name(application);
        self.state.change(&name, Architecture::Amd64, |content| {
            let Some(variants) = content.applications.get_mut(&name) else {
                return;
            };
            if let Some(variant) = variants.get_mut(&Architecture::Amd64) {
                variant
                    .versions
                    .retain(|version| version.number.0 != number);
            }
            variants.retain(|_, variant| !variant.versions.is_empty());
            content
                .applications
                .retain(|_, variants| !variants.is_empty());
        });
    }

    pub(crate) fn remove_application(&self, application: &str) {
        self.remove_applications(&[application]);
    }

    /// Removes all at once: no listing shows only some of them removed.
    pub(crate) fn remove_applications(&self, applications: &[&str]) {
        let mut content = self.state.lock();
        let revision = *self.state.revision.borrow() + 1;
        for application in applications {
            let name = super::name(application);
            content.applications.remove(&name);
            content.log(&name, Architecture::Amd64, revision);
        }
        self.state.revision.send_replace(revision);
    }

    /// Removes an application and sets the revision, both at once.
    pub(crate) fn restore_backup_without(&self, application: &str, revision: u64) {
        let mut content = self.state.lock();
        content.applications.remove(&super::name(application));
        self.state.revision.send_replace(revision);
    }

    /// Stalls the transfers of a content until they are released.
    pub(crate) fn stall(&self, bytes: &[u8]) {
        let digest = image(bytes).digest;
        self.state.stalled.send_replace(Some(digest));
    }

    /// Whether a transfer has arrived here and stalls.
    pub(crate) fn is_stalling(&self) -> bool {
        self.state.stalled.receiver_count() > 0
    }

    pub(crate) fn release(&self) {
        self.state.stalled.send_replace(None);
    }

    pub(crate) fn delete_blob_before_commit(&self, digest: &Digest) {
        self.state.lock().delete_before_commit = Some(*digest);
    }

    pub(crate) fn set_tags(&self, application: &str, tags: &[&str]) {
        let name = super::name(application);
        self.state.change(&name, Architecture::Amd64, |content| {
            let variants = content.applications.get_mut(&name).into_iter().flatten();
            for (_, variant) in variants {
                variant.metadata.tags = tags.iter().map(ToString::to_string).collect();
            }
        });
    }

    /// Replaces the registry by an empty one with another id.
    pub(crate) fn replace(&self, id: &str) {
        let mut content = self.state.lock();
        id.clone_into(&mut content.id);
        content.applications.clear();
        self.state.revision.send_replace(1);
    }

    /// Sets the revision, as a restored backup would.
    pub(crate) fn set_revision(&self, revision: u64) {
        self.state.revision.send_replace(revision);
    }

    /// Gives this response to every request; `None` ends that.
    pub(crate) fn respond_with(&self, response: Option<(u16, &str)>) {
        self.state.lock().fixed_response = response.map(|(status, body)| (status, body.to_owned()));
    }

    /// Deletes an image without its version.
    pub(crate) fn delete_blob(&self, digest: &Digest) {
        self.state.lock().blobs.remove(digest);
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.state.lock().blobs.contains_key(digest)
    }

    pub(crate) fn variant(&self, application: &str) -> Option<Variant> {
        let content = self.state.lock();
        let variants = content.applications.get(&super::name(application))?;
        variants.get(&Architecture::Amd64).cloned()
    }

    pub(crate) fn variants(&self) -> BTreeMap<ApplicationName, Variant> {
        let content = self.state.lock();
        let applications = content.applications.iter();
        applications
            .filter_map(|(name, variants)| {
                Some((name.clone(), variants.get(&Architecture::Amd64)?.clone()))
            })
            .collect()
    }

    pub(crate) fn set_gates(&self, gates: Option<(&Gates, &TestCatalogue)>) {
        let gates = gates.map(|(gates, source)| (gates.clone(), source.clone()));
        self.state.lock().gates = gates;
    }

    /// The changes that the source did not justify when they arrived.
    pub(crate) fn unjustified(&self) -> Vec<String> {
        self.state.lock().unjustified.clone()
    }

    /// How many requests so far start with a prefix.
    pub(crate) fn request_count(&self, prefix: &str) -> usize {
        let content = self.state.lock();
        let requests = content.requests.iter();
        requests
            .filter(|request| request.starts_with(prefix))
            .count()
    }
}

impl Content {
    fn log(&mut self, name: &ApplicationName, architecture: Architecture, revision: u64) {
        self.changes.push(Change {
            revision: Revision(revision),
            at: Timestamp::UNIX_EPOCH,
            kind: ChangeKind::Unknown,
            application: name.clone(),
            architecture,
            version: None,
        });
    }
}

impl ServerState {
    fn new() -> Self {
        Self {
            content: Mutex::new(Content {
                id: "home".to_owned(),
                ..Content::default()
            }),
            revision: watch::Sender::new(1),
            stalled: watch::Sender::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    fn has_blob_for_commit(&self, digest: &Digest) -> bool {
        let mut content = self.lock();
        if let Some(deleted) = content.delete_before_commit.take() {
            content.blobs.remove(&deleted);
        }
        content.blobs.contains_key(digest)
    }

    fn store(&self, bytes: Vec<u8>) {
        let digest = image(&bytes).digest;
        self.lock().blobs.insert(digest, bytes.into());
    }

    fn change(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        work: impl FnOnce(&mut Content),
    ) {
        let mut content = self.lock();
        work(&mut content);
        let revision = *self.revision.borrow() + 1;
        content.log(name, architecture, revision);
        self.revision.send_replace(revision);
    }

    fn put(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        put: VersionPut,
    ) {
        self.change(name, architecture, |content| {
            let variants = content.applications.entry(name.clone()).or_default();
            let variant = variants.entry(architecture).or_insert_with(|| Variant {
                architecture,
                metadata: ApplicationMetadata::default(),
                versions: Vec::new(),
            });
            variant.metadata = put.application;
            variant.versions.retain(|version| version.number != number);
            variant.versions.push(Version {
                number,
                published: put.published,
                created_at: Timestamp::UNIX_EPOCH,
                manifest: put.manifest,
                image: put.image,
            });
            variant.versions.sort_by_key(|version| version.number);
        });
    }

    fn patch(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        published: bool,
    ) {
        self.change(name, architecture, |content| {
            let variants = content.applications.get_mut(name).into_iter().flatten();
            let versions = variants.flat_map(|(_, variant)| &mut variant.versions);
            for version in versions.filter(|version| version.number == number) {
                version.published = published;
            }
        });
    }

    fn listing(&self) -> (String, u64, Vec<Application>) {
        let content = self.lock();
        let application =
            |(name, variants): (&ApplicationName, &BTreeMap<_, Variant>)| Application {
                name: name.clone(),
                variants: variants.values().cloned().collect(),
            };
        let applications = content.applications.iter().map(application).collect();
        (content.id.clone(), *self.revision.borrow(), applications)
    }
}
