//! A registry in memory, with the API that the agent uses.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use aar_tls::{Limits, TlsListener};
use aar_types::{
    Application, ApplicationMetadata, ApplicationName, Architecture, Change, ChangeKind, Changes,
    Digest, Envelope, ErrorBody, ErrorCode, Fingerprint, RegistryId, Revision, Variant, Version,
    VersionNumber, VersionPatch, VersionPut,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
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
                    let service = service_fn(|request| serve(&state, request));
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

type Answer = Response<Full<Bytes>>;

async fn serve(state: &State, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let instead = {
        let mut inner = state.lock();
        inner.requests.push(line);
        inner.instead.clone()
    };
    Ok(match instead {
        Some((status, body)) => plain(status, body),
        None => route(state, request).await,
    })
}

async fn route(state: &State, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().trim_start_matches("/1.0/").to_owned();
    let parts: Vec<_> = path.split('/').collect();
    match (request.method().as_str(), &parts[..]) {
        ("GET", ["applications"]) => list(state, &request),
        ("GET", ["changes"]) => changes(state, &request).await,
        ("GET", ["applications", name, arch, "versions", number, "image"]) => {
            fetch(state, &request, (name, arch, number)).await
        }
        ("PUT", ["applications", name, arch, "versions", number]) => {
            let put: VersionPut = body(request).await;
            if !state.lock().blobs.contains_key(&put.image.digest) {
                return refuse(ErrorCode::ImageNotStored);
            }
            state.put(
                &super::name(name),
                arch.parse().unwrap(),
                number.parse().unwrap(),
                put,
            );
            json(201, &Envelope::sync(()))
        }
        ("PATCH", ["applications", name, arch, "versions", number]) => {
            let asked: VersionPatch = body(request).await;
            let (arch, number) = (arch.parse().unwrap(), number.parse().unwrap());
            state.patch(&super::name(name), arch, number, asked.published);
            json(200, &Envelope::sync(()))
        }
        ("PUT", ["applications", name, arch]) => {
            let metadata: ApplicationMetadata = body(request).await;
            let (name, arch) = (super::name(name), arch.parse().unwrap());
            state.change(&name, arch, |inner| {
                let variants = inner.applications.get_mut(&name);
                if let Some(variant) = variants.and_then(|all| all.get_mut(&arch)) {
                    variant.metadata = metadata;
                }
            });
            json(200, &Envelope::sync(()))
        }
        ("POST", ["uploads"]) => create_upload(state, &request),
        ("HEAD", ["uploads", id]) => upload_status(state, id.parse().unwrap(), 200),
        ("PATCH", ["uploads", id]) => append(state, id.parse().unwrap(), request).await,
        other => panic!("{other:?}"),
    }
}

fn list(state: &State, request: &Request<Incoming>) -> Answer {
    let (id, revision, mut applications) = state.listing();
    let etag = format!("\"{id}-{revision}\"");
    let known = request.headers().get("if-none-match");
    if known.is_some_and(|known| known == etag.as_str()) {
        return plain(304, String::new());
    }
    let architecture: Architecture = query(request, "architecture").unwrap().parse().unwrap();
    for application in &mut applications {
        application
            .variants
            .retain(|variant| variant.architecture == architecture);
    }
    applications.retain(|application| !application.variants.is_empty());
    let total = applications.len() as u64;
    let mut answer = json(200, &Envelope::page(applications, total));
    let headers = answer.headers_mut();
    headers.insert("aar-registry-id", id.parse().unwrap());
    headers.insert("aar-revision", revision.into());
    headers.insert("etag", etag.parse().unwrap());
    answer
}

async fn changes(state: &State, request: &Request<Incoming>) -> Answer {
    let since: u64 = query(request, "since").unwrap().parse().unwrap();
    let wait: u64 = query(request, "wait").unwrap().parse().unwrap();
    let mut revisions = state.revision.subscribe();
    let news = revisions.wait_for(|revision| *revision != since);
    let _ = tokio::time::timeout(Duration::from_secs(wait), news).await;
    let inner = state.lock();
    let since = Revision(since);
    let changes = inner
        .changes
        .iter()
        .filter(|change| change.revision > since);
    json(
        200,
        &Envelope::sync(Changes {
            registry_id: inner.id.parse::<RegistryId>().unwrap(),
            revision: Revision(*state.revision.borrow()),
            changes: changes.cloned().collect(),
        }),
    )
}

async fn fetch(
    state: &State,
    request: &Request<Incoming>,
    (name, arch, number): (&str, &str, &str),
) -> Answer {
    let (arch, number): (Architecture, VersionNumber) =
        (arch.parse().unwrap(), number.parse().unwrap());
    let digest = {
        let inner = state.lock();
        let variants = inner.applications.get(&super::name(name));
        let versions = variants
            .and_then(|all| all.get(&arch))
            .map(|it| &it.versions);
        let mut versions = versions.into_iter().flatten();
        let version = versions.find(|version| version.number == number);
        version.map(|version| version.image.digest)
    };
    let Some(digest) = digest else {
        return refuse(ErrorCode::VersionNotFound);
    };
    let mut stalled = state.stalled.subscribe();
    let _ = stalled.wait_for(|stalled| *stalled != Some(digest)).await;
    let Some(blob) = state.lock().blobs.get(&digest).cloned() else {
        return refuse(ErrorCode::VersionNotFound);
    };
    let range = request.headers().get("range").map(|range| {
        let text = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        text.strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    match range {
        None => bytes(200, blob),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
            let mut answer = bytes(206, blob.slice(start..));
            let headers = answer.headers_mut();
            headers.insert("content-range", range.parse().unwrap());
            answer
        }
    }
}

fn create_upload(state: &State, request: &Request<Incoming>) -> Answer {
    use base64::Engine;
    let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap();
    let length = header("upload-length").parse().unwrap();
    let encoded = header("upload-metadata").strip_prefix("digest ").unwrap();
    let text = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
    let digest: Digest = String::from_utf8(text).unwrap().parse().unwrap();
    let mut inner = state.lock();
    let known = inner.blobs.get(&digest).map(|blob| blob.to_vec());
    inner
        .uploads
        .push((length, digest, known.unwrap_or_default()));
    let id = inner.uploads.len() - 1;
    drop(inner);
    let mut answer = upload_status(state, id, 201);
    let location = format!("/1.0/uploads/{id}").parse().unwrap();
    answer.headers_mut().insert("location", location);
    answer
}

fn upload_status(state: &State, id: usize, status: u16) -> Answer {
    let inner = state.lock();
    let Some((length, _, stored)) = inner.uploads.get(id) else {
        return plain(404, String::new());
    };
    let mut answer = plain(status, String::new());
    let headers = answer.headers_mut();
    headers.insert("upload-length", (*length).into());
    headers.insert("upload-offset", stored.len().into());
    answer
}

async fn append(state: &State, id: usize, request: Request<Incoming>) -> Answer {
    let digest = state.lock().uploads[id].1;
    let mut stalled = state.stalled.subscribe();
    let _ = stalled.wait_for(|stalled| *stalled != Some(digest)).await;
    let mut body = request.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap();
        state.lock().uploads[id].2.extend_from_slice(&data);
    }
    let (length, digest, stored) = state.lock().uploads[id].clone();
    if stored.len() as u64 == length {
        assert_eq!(image(&stored).digest, digest);
        state.store(stored);
    }
    upload_status(state, id, 204)
}

fn query<'a>(request: &'a Request<Incoming>, key: &str) -> Option<&'a str> {
    let pairs = request.uri().query()?.split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.find(|pair| pair.0 == key).map(|pair| pair.1)
}

async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> T {
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

fn plain(status: u16, body: String) -> Answer {
    bytes(status, body.into())
}

fn bytes(status: u16, body: Bytes) -> Answer {
    let response = Response::builder().status(status);
    response.body(Full::new(body)).unwrap()
}

fn json<T: Serialize>(status: u16, body: &T) -> Answer {
    plain(status, serde_json::to_string(body).unwrap())
}

fn refuse(code: ErrorCode) -> Answer {
    json(code.status(), &ErrorBody::new(code, "no"))
}
