//! Uploaded packages: streamed to a staged file and hashed if the client announced a hash.
//!
//! Receiving and writing overlap. The staged file is removed with the request if anything fails, for
//! example the connection.

use std::{io::Write, time::Duration};

use aar_fs::{Sha256Hasher, Volume};
use aar_types::Digest;
use ams_api::headers;
use axum::{body::Body, http::HeaderMap};
use bytes::Bytes;
use fs_err::File;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};

use super::error::ApiError;
use crate::{Ams, Error, applications::UploadedPackage};

/// How many received pieces may wait to be written.
const QUEUE: usize = 16;
/// The longest pause of a client.
const IDLE_LIMIT: Duration = Duration::from_mins(2);

/// Receives a package and checks it against the hash in the headers.
pub(super) async fn receive(
    ams: &Ams,
    headers: &HeaderMap,
    body: Body,
) -> Result<UploadedPackage, ApiError> {
    let announced = announced(headers)?;
    let strict = is_strict(headers)?;
    let staged = ams.staging().new_file()?;
    let file = fs_err::tokio::File::create(staged.path()).await?;
    let hash = announced.is_some().then(Sha256Hasher::new);
    let found = store(file.into_std().await, hash, body).await?;
    match (announced, found) {
        (Some(announced), Some(found)) if announced != found => {
            Err(Error::FingerprintMismatch { announced, found }.into())
        }
        _ => Ok(UploadedPackage {
            file: staged,
            strict,
        }),
    }
}

fn announced(headers: &HeaderMap) -> Result<Option<Digest>, ApiError> {
    let Some(value) = headers
        .get(headers::FINGERPRINT)
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    let digest = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let refusal = || {
        ApiError::BadRequest(format!(
            "{}: {value:?} is not a SHA-256 in hexadecimal digits",
            headers::FINGERPRINT
        ))
    };
    digest.map(Some).ok_or_else(refusal)
}

/// The details of an upload, in JSON: `{"strict": true}` refuses a package that has warnings.
fn is_strict(headers: &HeaderMap) -> Result<bool, ApiError> {
    let details = headers
        .get(headers::REQUEST)
        .map(|value| value.as_bytes().trim_ascii());
    match details {
        None | Some(b"") => Ok(false),
        Some(json) => match serde_json::from_slice::<Value>(json) {
            Ok(details) => Ok(details["strict"] == true),
            Err(error) => Err(ApiError::BadRequest(format!(
                "{}: {error}",
                headers::REQUEST
            ))),
        },
    }
}

async fn store(
    file: File,
    hasher: Option<Sha256Hasher>,
    body: Body,
) -> Result<Option<Digest>, ApiError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let writer = tokio::task::spawn_blocking(move || write(file, hasher, receiver));
    let forwarded = forward(body, sender).await;
    // If writing fails, forwarding fails too, but without the cause.
    let digest = writer.await.map_err(Error::from)??;
    forwarded?;
    Ok(digest)
}

async fn forward(body: Body, to: mpsc::Sender<Bytes>) -> Result<(), ApiError> {
    let mut body = body.into_data_stream();
    let mut is_empty = true;
    loop {
        let piece = timeout(IDLE_LIMIT, body.next()).await;
        match piece {
            Err(_) => {
                return Err(ApiError::BadRequest(format!(
                    "the upload stalled: nothing arrived for {} s",
                    IDLE_LIMIT.as_secs()
                )));
            }
            Ok(None) if is_empty => {
                return Err(ApiError::BadRequest("the upload is empty".to_owned()));
            }
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => {
                return Err(ApiError::BadRequest(format!(
                    "the upload is incomplete: {error}"
                )));
            }
            Ok(Some(Ok(piece))) => {
                is_empty &= piece.is_empty();
                if to.send(piece).await.is_err() {
                    return Err(ApiError::internal("the upload could not be stored"));
                }
            }
        }
    }
}

fn write(
    mut file: File,
    mut hasher: Option<Sha256Hasher>,
    mut pieces: mpsc::Receiver<Bytes>,
) -> std::io::Result<Option<Digest>> {
    let path = file.path().to_owned();
    let folder = path.parent().unwrap_or(&path);
    while let Some(piece) = pieces.blocking_recv() {
        if let Some(hasher) = &mut hasher {
            hasher.update(&piece);
        }
        Volume::of(folder)?.require(piece.len() as u64)?;
        file.write_all(&piece)?;
    }
    Ok(hasher.map(Sha256Hasher::finish))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn file() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("staged")).unwrap();
        (folder, file)
    }

    #[tokio::test]
    async fn body_is_stored_in_order_and_hashed_as_a_whole() {
        let (folder, file) = file();
        let pieces = (0..100_u8).map(|n| Ok::<_, std::io::Error>(Bytes::from(vec![n; 1000])));
        let hasher = Some(Sha256Hasher::new());
        let digest = store(file, hasher, Body::from_stream(stream::iter(pieces)))
            .await
            .unwrap();
        let stored = fs_err::read(folder.path().join("staged")).unwrap();
        assert_eq!(stored.len(), 100_000);
        assert!(stored.is_sorted());
        let expected = aar_fs::digest_of(&stored);
        assert_eq!(digest, Some(expected));
    }

    #[tokio::test]
    async fn incomplete_body_is_refused() {
        let (_folder, file) = file();
        let cut = [
            Ok(Bytes::from_static(b"x")),
            Err(std::io::Error::other("cut")),
        ];
        let refused = store(file, None, Body::from_stream(stream::iter(cut)))
            .await
            .unwrap_err();
        assert!(matches!(refused, ApiError::BadRequest(_)), "{refused:?}");
    }

    #[tokio::test]
    async fn empty_body_is_refused() {
        let (_folder, file) = file();
        let refused = store(file, None, Body::empty()).await.unwrap_err();
        assert_eq!(refused.to_string(), "the upload is empty");
    }

    #[tokio::test(start_paused = true)]
    async fn silent_client_is_not_waited_for() {
        let (sender, _receiver) = mpsc::channel(QUEUE);
        let silent = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
        let refused = forward(silent, sender).await.unwrap_err();
        assert!(refused.to_string().contains("stalled"), "{refused}");
    }

    #[test]
    fn invalid_headers_are_refused() {
        let headers = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        assert!(announced(&headers(headers::FINGERPRINT, "abc")).is_err());
        assert_eq!(announced(&headers(headers::FINGERPRINT, "")).unwrap(), None);
        assert!(is_strict(&headers(headers::REQUEST, "{")).is_err());
        for good in ["", "{}", "null"] {
            assert!(!is_strict(&headers(headers::REQUEST, good)).unwrap());
        }
    }
}
