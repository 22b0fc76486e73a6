//! Bodies that are packages: streamed to a staged file, with their hash taken on the way where one was
//! announced.
//!
//! Receiving, hashing and writing overlap. Whatever goes wrong, and be it that the sender hangs
//! up, the staged file is gone with the request.

use std::{io::Write, time::Duration};

use aar_types::Digest;
use ams_api::headers;
use axum::{body::Body, http::HeaderMap};
use bytes::Bytes;
use fs_err::File;
use futures_util::StreamExt;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, time::timeout};

use super::error::ApiError;
use crate::{Ams, Error, staging::StagedFile};

/// How many pieces may be received and not yet written.
const PIECES: usize = 16;
/// How long a sender may be silent.
const SILENCE: Duration = Duration::from_mins(2);

/// Receives a package that is what the headers announce.
pub(super) async fn receive(
    ams: &Ams,
    headers: &HeaderMap,
    body: Body,
) -> Result<StagedFile, ApiError> {
    let announced = announced(headers)?;
    check_details(headers)?;
    let staged = ams.staging().new_file()?;
    let file = fs_err::tokio::File::create(staged.path()).await?;
    let hash = announced.is_some().then(Sha256::new);
    let found = store(file.into_std().await, hash, body).await?;
    match (announced, found) {
        (Some(announced), Some(found)) if announced != found => {
            Err(Error::FingerprintMismatch { announced, found }.into())
        }
        _ => Ok(staged),
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
            "{}: {value:?} is no SHA-256 in hexadecimal digits",
            headers::FINGERPRINT
        ))
    };
    digest.map(Some).ok_or_else(refusal)
}

/// The details that may come with an upload have nothing to say to applications, but have to be
/// what they are announced as.
fn check_details(headers: &HeaderMap) -> Result<(), ApiError> {
    let details = headers
        .get(headers::REQUEST)
        .map(|value| value.as_bytes().trim_ascii());
    match details {
        None | Some(b"") => Ok(()),
        Some(json) => match serde_json::from_slice::<Value>(json) {
            Ok(_) => Ok(()),
            Err(error) => Err(ApiError::BadRequest(format!(
                "{}: {error}",
                headers::REQUEST
            ))),
        },
    }
}

async fn store(file: File, hash: Option<Sha256>, body: Body) -> Result<Option<Digest>, ApiError> {
    let (sender, receiver) = mpsc::channel(PIECES);
    let writer = tokio::task::spawn_blocking(move || write(file, hash, receiver));
    let passed_on = pass_on(body, sender).await;
    // A full disk explains why nothing more could be passed on, so it is told first.
    let digest = writer.await.map_err(Error::from)??;
    passed_on?;
    Ok(digest)
}

/// An upload of nothing is not begun as if it were a package.
async fn pass_on(body: Body, to: mpsc::Sender<Bytes>) -> Result<(), ApiError> {
    let mut body = body.into_data_stream();
    let mut is_empty = true;
    loop {
        let piece = timeout(SILENCE, body.next()).await;
        match piece {
            Err(_) => return Err(ApiError::BadRequest("the upload stalled".to_owned())),
            Ok(None) if is_empty => {
                return Err(ApiError::BadRequest("the upload is empty".to_owned()));
            }
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => {
                return Err(ApiError::BadRequest(format!(
                    "the upload broke off: {error}"
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
    mut hash: Option<Sha256>,
    mut pieces: mpsc::Receiver<Bytes>,
) -> std::io::Result<Option<Digest>> {
    while let Some(piece) = pieces.blocking_recv() {
        if let Some(hash) = &mut hash {
            hash.update(&piece);
        }
        file.write_all(&piece)?;
    }
    Ok(hash.map(|hash| Digest::from_bytes(hash.finalize().into())))
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
    async fn a_body_is_stored_in_order_and_its_hash_is_that_of_all_of_it() {
        let (folder, file) = file();
        let pieces = (0..100_u8).map(|n| Ok::<_, std::io::Error>(Bytes::from(vec![n; 1000])));
        let hash = Some(Sha256::new());
        let digest = store(file, hash, Body::from_stream(stream::iter(pieces)))
            .await
            .unwrap();
        let stored = fs_err::read(folder.path().join("staged")).unwrap();
        assert_eq!(stored.len(), 100_000);
        assert!(stored.is_sorted());
        let expected = Digest::from_bytes(Sha256::digest(&stored).into());
        assert_eq!(digest, Some(expected));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
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
    async fn a_body_with_nothing_in_it_is_refused() {
        let (_folder, file) = file();
        let refused = store(file, None, Body::empty()).await.unwrap_err();
        assert_eq!(refused.to_string(), "the upload is empty");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_falls_silent_is_not_waited_for() {
        let (sender, _receiver) = mpsc::channel(PIECES);
        let silent = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
        let refused = pass_on(silent, sender).await.unwrap_err();
        assert!(refused.to_string().contains("stalled"), "{refused}");
    }

    #[test]
    fn headers_that_announce_nonsense_are_refused() {
        let headers = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        assert!(announced(&headers(headers::FINGERPRINT, "abc")).is_err());
        assert_eq!(announced(&headers(headers::FINGERPRINT, "")).unwrap(), None);
        assert!(check_details(&headers(headers::REQUEST, "{")).is_err());
        for good in ["", "{}", "null"] {
            check_details(&headers(headers::REQUEST, good)).unwrap();
        }
    }
}
