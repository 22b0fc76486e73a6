//! Blobs from one storage to another: read as a stream, written whole or not at all.

use std::sync::Arc;

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{Blobs, Content, S3Blobs, fs::FsBlobs, parts};
use crate::{
    Error, UploadId,
    tasks::{blocking, stopped},
};

/// The bytes of a blob.
pub(crate) type Bytestream = BoxStream<'static, Result<Bytes, Error>>;

impl Blobs {
    /// The bytes of a blob, in pieces.
    pub(crate) async fn read_blob(&self, digest: &Digest) -> Result<Option<Bytestream>, Error> {
        match self {
            Self::S3(bucket) => bucket.read_blob(digest).await,
            Self::Fs(fs) => match fs.open_blob(digest).await? {
                Some(Content::File(file)) => {
                    let bytes = file.stream(0..file.size());
                    Ok(Some(bytes.map_err(Error::from).boxed()))
                }
                _ => Ok(None),
            },
        }
    }

    /// Stores a blob whose bytes are these, unless they are not what its digest says.
    pub(crate) async fn write_blob(
        &self,
        digest: &Digest,
        size: u64,
        content: Bytestream,
    ) -> Result<(), Error> {
        match self {
            Self::Fs(fs) => write_file(fs, digest, size, content).await,
            Self::S3(bucket) => write_parts(bucket, digest, size, content).await,
        }
    }
}

async fn write_file(
    fs: &FsBlobs,
    digest: &Digest,
    size: u64,
    mut content: Bytestream,
) -> Result<(), Error> {
    let id = UploadId::from(Uuid::new_v4());
    let Some(staged) = fs.stage(id, 0).await? else {
        return Err(Error::UploadNotFound { id });
    };
    let (mut hasher, mut offset) = (Sha256::new(), 0);
    while let Some(piece) = content.try_next().await? {
        let staged = staged.clone();
        let (at, length) = (offset, piece.len() as u64);
        hasher = blocking(move || {
            staged.write(&piece, at)?;
            hasher.update(&piece);
            Ok(hasher)
        })
        .await?;
        offset += length;
    }
    let sound = hasher.finalize()[..] == digest.as_bytes()[..];
    if sound && fs.keep_staged(id, digest, size).await? {
        return Ok(());
    }
    fs.discard_staged(id).await?;
    Err(Error::ImageDamaged { digest: *digest })
}

async fn write_parts(
    bucket: &Arc<S3Blobs>,
    digest: &Digest,
    size: u64,
    content: Bytestream,
) -> Result<(), Error> {
    let multipart = bucket.begin_parts(digest).await?;
    let sent = send_parts(bucket, digest, size, content, &multipart).await;
    let outcome = match sent {
        Ok(tags) => bucket.complete_parts(digest, size, &multipart, tags).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(true) => Ok(()),
        outcome => {
            bucket.abort_parts(digest, &multipart).await?;
            outcome?;
            Err(Error::ImageMissing { digest: *digest })
        }
    }
}

/// Sends everything, several parts at a time. Gives what the bucket calls them.
async fn send_parts(
    bucket: &Arc<S3Blobs>,
    digest: &Digest,
    size: u64,
    mut content: Bytestream,
    multipart: &str,
) -> Result<Vec<String>, Error> {
    let part_size = parts::size_of(size);
    let mut sending: Vec<JoinHandle<Result<String, Error>>> = Vec::new();
    let (mut filling, mut filled) = (Vec::new(), 0);
    let mut hasher = Sha256::new();
    while let Some(mut piece) = content.try_next().await? {
        hasher.update(&piece);
        while !piece.is_empty() {
            let room = usize::try_from(part_size - filled).unwrap_or(usize::MAX);
            let now = piece.split_to(room.min(piece.len()));
            filled += now.len() as u64;
            filling.push(now);
            if filled == part_size {
                let part = (std::mem::take(&mut filling), std::mem::take(&mut filled));
                sending.push(send(bucket, digest, multipart, sending.len(), part).await);
            }
        }
    }
    if filled > 0 {
        let part = (filling, filled);
        sending.push(send(bucket, digest, multipart, sending.len(), part).await);
    }
    let mut tags = Vec::with_capacity(sending.len());
    for part in sending {
        tags.push(part.await.map_err(stopped)??);
    }
    if hasher.finalize()[..] == digest.as_bytes()[..] {
        Ok(tags)
    } else {
        Err(Error::ImageDamaged { digest: *digest })
    }
}

/// Begins to send a part as soon as there is room for it.
async fn send(
    bucket: &Arc<S3Blobs>,
    digest: &Digest,
    multipart: &str,
    number: usize,
    (content, size): (Vec<Bytes>, u64),
) -> JoinHandle<Result<String, Error>> {
    let room = bucket.room_for(size).await;
    let (bucket, digest) = (Arc::clone(bucket), *digest);
    let (multipart, number) = (multipart.to_owned(), number as u64);
    tokio::spawn(async move {
        let _room = room;
        bucket.put_part(&digest, &multipart, number, content).await
    })
}
