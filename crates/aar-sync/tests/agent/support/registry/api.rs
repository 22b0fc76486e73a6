//! The HTTP API of the fake registry.

use std::{convert::Infallible, time::Duration};

use aar_types::{
    ApplicationMetadata, Architecture, Changes, Digest, Envelope, ErrorBody, ErrorCode, RegistryId,
    Revision, VersionNumber, VersionPatch, VersionPut,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use serde::{Serialize, de::DeserializeOwned};

use super::ServerState;
use crate::support::{TestCatalogue, image, interleaving::Actor, name as application};

type ApiResponse = Response<Full<Bytes>>;

pub(super) async fn serve(
    state: &ServerState,
    request: Request<Incoming>,
) -> Result<ApiResponse, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let fixed_response = {
        let mut content = state.lock();
        content.requests.push(line);
        content.fixed_response.clone()
    };
    if let Some((status, body)) = fixed_response {
        return Ok(plain(status, body));
    }
    let gates = state.lock().gates.clone();
    let Some((gates, source)) = gates.filter(|_| has_gate(&request)) else {
        return Ok(route(state, request).await);
    };
    gates.pass(Actor::Agent).await;
    let is_change = request.method() != "GET";
    let path = request.uri().path().to_owned();
    let response = route(state, request).await;
    if is_change {
        gates.record("sent");
        let unjustified = unjustified(state, &source, &path);
        state.lock().unjustified.extend(unjustified);
    }
    gates.pass(Actor::Agent).await;
    Ok(response)
}

/// Whether a request reads or changes what the other operation changes.
fn has_gate(request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    path.starts_with("/1.0/applications") && !path.ends_with("/image")
}

/// A change that the source does not have, as it is now.
fn unjustified(state: &ServerState, source: &TestCatalogue, path: &str) -> Option<String> {
    let name = application(path.split('/').nth(3)?);
    let source = source.all().remove(&name);
    let content = state.lock();
    let variant = content.applications.get(&name)?.values().next()?;
    let Some(number) = path.split('/').nth(6) else {
        let same = source.is_some_and(|it| it.metadata == variant.metadata);
        return (!same).then(|| path.to_owned());
    };
    let number: VersionNumber = number.parse().unwrap();
    let version = variant.versions.iter().find(|it| it.number == number)?;
    let mut versions = source.iter().flat_map(|it| &it.versions);
    let same = versions.any(|it| {
        it.number == number && it.published == version.published && it.image == version.image
    });
    (!same).then(|| path.to_owned())
}

async fn route(state: &ServerState, request: Request<Incoming>) -> ApiResponse {
    let path = request.uri().path().trim_start_matches("/1.0/").to_owned();
    let parts: Vec<_> = path.split('/').collect();
    match (request.method().as_str(), &parts[..]) {
        ("GET", ["applications"]) => list(state, &request),
        ("GET", ["applications", name]) => show(state, name),
        ("GET", ["changes"]) => changes(state, &request).await,
        ("GET", ["applications", name, arch, "versions", number, "image"]) => {
            image_content(state, &request, (name, arch, number)).await
        }
        ("PUT", ["applications", name, arch, "versions", number]) => {
            let put: VersionPut = body(request).await;
            if !state.has_blob_for_commit(&put.image.digest) {
                return refuse(ErrorCode::ImageNotStored);
            }
            state.put(
                &application(name),
                arch.parse().unwrap(),
                number.parse().unwrap(),
                put,
            );
            json(201, &Envelope::sync(()))
        }
        ("PATCH", ["applications", name, arch, "versions", number]) => {
            let change: VersionPatch = body(request).await;
            let (arch, number) = (arch.parse().unwrap(), number.parse().unwrap());
            state.patch(&application(name), arch, number, change.published);
            json(200, &Envelope::sync(()))
        }
        ("PUT", ["applications", name, arch]) => {
            let metadata: ApplicationMetadata = body(request).await;
            let (name, arch) = (application(name), arch.parse().unwrap());
            state.change(&name, arch, |content| {
                let variants = content.applications.get_mut(&name);
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

fn list(state: &ServerState, request: &Request<Incoming>) -> ApiResponse {
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
    let mut response = json(200, &Envelope::page(applications, total));
    let headers = response.headers_mut();
    headers.insert("aar-registry-id", id.parse().unwrap());
    headers.insert("aar-revision", revision.into());
    headers.insert("etag", etag.parse().unwrap());
    response
}

fn show(state: &ServerState, name: &str) -> ApiResponse {
    let (_, _, applications) = state.listing();
    let mut applications = applications.into_iter();
    match applications.find(|known| known.name.as_str() == name) {
        Some(found) => json(200, &Envelope::sync(found)),
        None => refuse(ErrorCode::ApplicationNotFound),
    }
}

async fn changes(state: &ServerState, request: &Request<Incoming>) -> ApiResponse {
    let since: u64 = query(request, "since").unwrap().parse().unwrap();
    let wait: u64 = query(request, "wait").unwrap().parse().unwrap();
    let mut revisions = state.revision.subscribe();
    let change = revisions.wait_for(|revision| *revision != since);
    let _ = tokio::time::timeout(Duration::from_secs(wait), change).await;
    let content = state.lock();
    let since = Revision(since);
    let changes = content
        .changes
        .iter()
        .filter(|change| change.revision > since);
    json(
        200,
        &Envelope::sync(Changes {
            registry_id: content.id.parse::<RegistryId>().unwrap(),
            revision: Revision(*state.revision.borrow()),
            changes: changes.cloned().collect(),
        }),
    )
}

async fn image_content(
    state: &ServerState,
    request: &Request<Incoming>,
    (name, arch, number): (&str, &str, &str),
) -> ApiResponse {
    let (arch, number): (Architecture, VersionNumber) =
        (arch.parse().unwrap(), number.parse().unwrap());
    let digest = {
        let content = state.lock();
        let variants = content.applications.get(&application(name));
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
            let mut response = bytes(206, blob.slice(start..));
            let headers = response.headers_mut();
            headers.insert("content-range", range.parse().unwrap());
            response
        }
    }
}

fn create_upload(state: &ServerState, request: &Request<Incoming>) -> ApiResponse {
    use base64::Engine;
    let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap();
    let length = header("upload-length").parse().unwrap();
    let encoded = header("upload-metadata").strip_prefix("digest ").unwrap();
    let text = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
    let digest: Digest = String::from_utf8(text).unwrap().parse().unwrap();
    let mut content = state.lock();
    let known = content.blobs.get(&digest).map(|blob| blob.to_vec());
    content
        .uploads
        .push((length, digest, known.unwrap_or_default()));
    let id = content.uploads.len() - 1;
    drop(content);
    let mut response = upload_status(state, id, 201);
    let location = format!("/1.0/uploads/{id}").parse().unwrap();
    response.headers_mut().insert("location", location);
    response
}

fn upload_status(state: &ServerState, id: usize, status: u16) -> ApiResponse {
    let content = state.lock();
    let Some((length, _, stored)) = content.uploads.get(id) else {
        return plain(404, String::new());
    };
    let mut response = plain(status, String::new());
    let headers = response.headers_mut();
    headers.insert("upload-length", (*length).into());
    headers.insert("upload-offset", stored.len().into());
    response
}

async fn append(state: &ServerState, id: usize, request: Request<Incoming>) -> ApiResponse {
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

fn plain(status: u16, body: String) -> ApiResponse {
    bytes(status, body.into())
}

fn bytes(status: u16, body: Bytes) -> ApiResponse {
    let response = Response::builder().status(status);
    response.body(Full::new(body)).unwrap()
}

fn json<T: Serialize>(status: u16, body: &T) -> ApiResponse {
    plain(status, serde_json::to_string(body).unwrap())
}

fn refuse(code: ErrorCode) -> ApiResponse {
    json(code.status(), &ErrorBody::new(code, "no"))
}
