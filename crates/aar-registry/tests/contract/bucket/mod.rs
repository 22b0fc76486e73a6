//! Properties of buckets alone: parts, presigned URLs, and their problems.

mod access;
mod collection;
mod faults;
mod metrics;
mod upload;

use std::time::Duration;

use aar_registry::{
    BucketProblem, Content, Error, Operator, Options, Registry, S3Options, StorageOptions, Upload,
    UploadNew,
};
use aar_testkit::{Fault, RecordedRequest, S3Network, TestClient, TestResponse};

use crate::backend::{
    AMD64, EXPIRY, Fixture, GRACE, blob, body, digest, image, in_bucket, name, noise, number,
    on_buckets, refused, upload_of,
};
use aar_testkit::{PackedImage, packed};

const PART: usize = 8 << 20;

/// Creates an upload in a registry that reaches its bucket through the network.
async fn upload_over(
    network: &S3Network,
    fixture: &Fixture,
    new: &UploadNew,
) -> (Operator, Upload) {
    let registry = open_with(fixture, |s3| s3.endpoint = Some(network.url())).await;
    let operator = registry.unwrap().operator("test");
    let upload = operator.create_upload(*new, "").await.unwrap();
    (operator, upload)
}

/// Opens the same registry with other options for its bucket.
async fn open_with(
    fixture: &Fixture,
    change: impl FnOnce(&mut S3Options),
) -> Result<Registry, Error> {
    let mut s3 = in_bucket(fixture.bucket());
    change(&mut s3);
    let storage = StorageOptions::S3(Box::new(s3));
    let options = Options {
        storage,
        ..fixture.options.clone()
    };
    Registry::open(options).await
}

async fn problem(fixture: &Fixture, change: impl FnOnce(&mut S3Options)) -> BucketProblem {
    match refused(open_with(fixture, change).await) {
        Error::Bucket(problem) => problem,
        other => panic!("{other}"),
    }
}

/// The URL that a client is redirected to for version 0.
async fn redirect_url(registry: &Registry) -> String {
    let fetch = registry
        .operator("test")
        .fetch(&name("app"), AMD64, number(0))
        .await;
    match fetch.unwrap().unwrap().content {
        Content::Redirect(url) => url.to_string(),
        content @ Content::Bytes(_) => panic!("no redirect: {content:?}"),
    }
}

/// Lets the registry send requests of every kind. `orphans` multipart uploads belong to no upload.
async fn send_every_request(fixture: &Fixture, registry: &Registry, n: usize, orphans: usize) {
    let operator = registry.operator("test");
    let content = noise(PART + 5_000 + n);
    let new = |content: &[u8]| upload_of(content);
    let upload = operator.create_upload(new(&content), "").await.unwrap();
    let (first, second) = content.split_at(PART + 100);
    operator.append(upload.id, 0, body([first])).await.unwrap();
    let done = operator.append(upload.id, first.len() as u64, body([second]));
    assert!(done.await.unwrap().complete);
    let dropped = operator.create_upload(new(b"other"), "").await.unwrap();
    operator
        .append(dropped.id, 0, body([b"oth"]))
        .await
        .unwrap();
    assert!(operator.terminate(dropped.id).await.unwrap());
    let orphan = blob(&digest(b"orphan"));
    fixture.bucket().begin_upload(&format!("a/prefix/{orphan}"));
    let plan = operator.gc_plan().await.unwrap();
    assert_eq!(operator.gc_apply(plan).await.unwrap().freed.len(), orphans);
    assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    assert!(fixture.verify().await.is_sound());
}

/// Fetches a URL without credentials.
async fn fetch(url: &str, headers: &'static [(&str, &str)]) -> TestResponse {
    let url = url.to_owned();
    let fetch = move || TestClient::plain("").send("GET", &url, headers, Vec::new());
    tokio::task::spawn_blocking(fetch).await.unwrap()
}

fn content_digest(content: &[u8]) -> String {
    digest(content).to_string()
}
