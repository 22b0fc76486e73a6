//! A registry in memory, with the API that the agent uses.

mod serving;

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

use super::{content, identity, image};

/// The registry. It is served for as long as its owner lives.
pub(crate) struct Registry {
    address: std::net::SocketAddr,
    fingerprint: Fingerprint,
    pub(crate) state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct State {
    inner: Mutex<Inner>,
    revision: watch::Sender<u64>,
    /// Blobs with this in front of their content are held back until it is cleared.
    pub(crate) stalled: watch::Sender<Option<Digest>>,
}

#[derive(Default)]
struct Inner {
    id: String,
    applications: BTreeMap<ApplicationName, BTreeMap<Architecture, Variant>>,
    blobs: BTreeMap<Digest, Bytes>,
    uploads: Vec<(u64, Digest, Vec<u8>)>,
    changes: Vec<Change>,
    /// What is answered instead of anything else.
    instead: Option<(u16, String)>,
    requests: Vec<String>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let identity = identity("registry");
        let any = "127.0.0.1:0".parse().unwrap();
        let mut listener = TlsListener::bind(any, &identity, Limits::default())
            .await
            .unwrap();
        let address = listener.local_addr();
        let state = Arc::new(State::new());
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await;
                let state = Arc::clone(&served);
                connections.spawn(async move {
                    let service = service_fn(|request| serving::serve(&state, request));
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

    /// Publishes a version whose content follows from its name.
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

    /// Publishes a version whose image holds something else than it declares.
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
        self.state.change(&name, Architecture::Amd64, |inner| {
            let Some(variants) = inner.applications.get_mut(&name) else {
                return;
            };
            if let Some(variant) = variants.get_mut(&Architecture::Amd64) {
                variant
                    .versions
                    .retain(|version| version.number.0 != number);
            }
            variants.retain(|_, variant| !variant.versions.is_empty());
            inner
                .applications
                .retain(|_, variants| !variants.is_empty());
        });
    }

    pub(crate) fn remove_application(&self, application: &str) {
        let name = super::name(application);
        self.state.change(&name, Architecture::Amd64, |inner| {
            inner.applications.remove(&name);
        });
    }

    pub(crate) fn set_tags(&self, application: &str, tags: &[&str]) {
        let name = super::name(application);
        self.state.change(&name, Architecture::Amd64, |inner| {
            let variants = inner.applications.get_mut(&name).into_iter().flatten();
            for (_, variant) in variants {
                variant.metadata.tags = tags.iter().map(ToString::to_string).collect();
            }
        });
    }

    /// Another registry takes its place, with nothing in it.
    pub(crate) fn replace(&self, id: &str) {
        let mut inner = self.state.lock();
        id.clone_into(&mut inner.id);
        inner.applications.clear();
        drop(inner);
        self.state.revision.send_replace(1);
    }

    /// Sets the revision, as a restored backup would.
    pub(crate) fn turn_back_to(&self, revision: u64) {
        self.state.revision.send_replace(revision);
    }

    /// Answers everything with this until it is taken back.
    pub(crate) fn answer(&self, instead: Option<(u16, &str)>) {
        self.state.lock().instead = instead.map(|(status, body)| (status, body.to_owned()));
    }

    /// Removes the content of a version behind its back.
    pub(crate) fn lose(&self, digest: &Digest) {
        self.state.lock().blobs.remove(digest);
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.state.lock().blobs.contains_key(digest)
    }

    pub(crate) fn variant(&self, application: &str) -> Option<Variant> {
        let inner = self.state.lock();
        let variants = inner.applications.get(&super::name(application))?;
        variants.get(&Architecture::Amd64).cloned()
    }

    pub(crate) fn variants(&self) -> BTreeMap<ApplicationName, Variant> {
        let inner = self.state.lock();
        let applications = inner.applications.iter();
        applications
            .filter_map(|(name, variants)| {
                Some((name.clone(), variants.get(&Architecture::Amd64)?.clone()))
            })
            .collect()
    }

    /// What was asked so far that begins like this.
    pub(crate) fn asked(&self, beginning: &str) -> usize {
        let inner = self.state.lock();
        let requests = inner.requests.iter();
        requests
            .filter(|request| request.starts_with(beginning))
            .count()
    }
}

impl State {
    fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                id: "home".to_owned(),
                ..Inner::default()
            }),
            revision: watch::Sender::new(1),
            stalled: watch::Sender::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn store(&self, bytes: Vec<u8>) {
        let digest = image(&bytes).digest;
        self.lock().blobs.insert(digest, bytes.into());
    }

    fn change(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        work: impl FnOnce(&mut Inner),
    ) {
        let mut inner = self.lock();
        work(&mut inner);
        let revision = *self.revision.borrow() + 1;
        inner.changes.push(Change {
            revision: Revision(revision),
            at: Timestamp::UNIX_EPOCH,
            kind: ChangeKind::Unknown,
            application: name.clone(),
            architecture,
            version: None,
        });
        drop(inner);
        self.revision.send_replace(revision);
    }

    fn put(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        put: VersionPut,
    ) {
        self.change(name, architecture, |inner| {
            let variants = inner.applications.entry(name.clone()).or_default();
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
        self.change(name, architecture, |inner| {
            let variants = inner.applications.get_mut(name).into_iter().flatten();
            let versions = variants.flat_map(|(_, variant)| &mut variant.versions);
            for version in versions.filter(|version| version.number == number) {
                version.published = published;
            }
        });
    }

    fn listing(&self) -> (String, u64, Vec<Application>) {
        let inner = self.lock();
        let application =
            |(name, variants): (&ApplicationName, &BTreeMap<_, Variant>)| Application {
                name: name.clone(),
                variants: variants.values().cloned().collect(),
            };
        let applications = inner.applications.iter().map(application).collect();
        (inner.id.clone(), *self.revision.borrow(), applications)
    }
}
