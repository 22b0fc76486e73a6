//! Blobs from one storage to another: read as a stream, written whole or not at all.

use std::{collections::BTreeMap, sync::Arc};

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sha2::{Digest as _, Sha256};
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use super::{Content, S3Storage, Storage, fs::FsStorage, parts};
use crate::{
    Error, UploadId,
    tasks::{blocking, stopped},
};

/// The bytes of a blob.
pub(crate) type Bytestream = BoxStream<'static, Result<Bytes, Error>>;

impl Storage {
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
    fs: &FsStorage,
    digest: &Digest,
    size: u64,
    content: Bytestream,
) -> Result<(), Error> {
    let id = UploadId::from(Uuid::new_v4());
    match stage(fs, id, digest, size, content).await {
        Ok(true) => Ok(()),
        outcome => {
            noted("a staged file", fs.discard_staged(id).await);
            outcome?;
            Err(Error::ImageDamaged { digest: *digest })
        }
    }
}

/// Stages everything and puts it in the place of the blob, if it is what its digest says.
async fn stage(
    fs: &FsStorage,
    id: UploadId,
    digest: &Digest,
    size: u64,
    mut content: Bytestream,
) -> Result<bool, Error> {
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
    Ok(sound && fs.keep_staged(id, digest, size).await?)
}

async fn write_parts(
    bucket: &Arc<S3Storage>,
    digest: &Digest,
    size: u64,
    content: Bytestream,
) -> Result<(), Error> {
    let multipart = bucket.begin_parts(digest).await?;
    let mut sending = Sending::new(bucket, digest, size, &multipart);
    let sent = sending.send_all(content).await;
    // A part that arrives after the others were given up would stay.
    sending.on_the_way.shutdown().await;
    let outcome = match sent {
        Ok(tags) => bucket.complete_parts(digest, size, &multipart, &tags).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(true) => Ok(()),
        outcome => {
            noted("parts", bucket.abort_parts(digest, &multipart).await);
            outcome?;
            Err(Error::ImageMissing { digest: *digest })
        }
    }
}

/// Why a copy has failed is of more interest than what is left of it; that is left to the garbage
/// collection.
fn noted<T>(what: &str, discarded: Result<T, Error>) {
    if let Err(error) = discarded {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "{what} of a copy that failed cannot be deleted");
    }
}

/// A blob on its way into a bucket, several parts at a time.
struct Sending<'a> {
    bucket: &'a Arc<S3Storage>,
    digest: Digest,
    multipart: &'a str,
    part_size: u64,
    filling: Vec<Bytes>,
    filled: u64,
    /// The number of the part that is being filled.
    next: u64,
    on_the_way: JoinSet<Result<(u64, String), Error>>,
    /// What the bucket calls the parts that have arrived.
    tags: BTreeMap<u64, String>,
}

impl<'a> Sending<'a> {
    fn new(bucket: &'a Arc<S3Storage>, digest: &Digest, size: u64, multipart: &'a str) -> Self {
        Self {
            bucket,
            digest: *digest,
            multipart,
            part_size: parts::size_of(size),
            filling: Vec::new(),
            filled: 0,
            next: 0,
            on_the_way: JoinSet::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Sends everything, if it is what its digest says. Gives what the bucket calls the parts.
    async fn send_all(&mut self, mut content: Bytestream) -> Result<Vec<String>, Error> {
        let mut hasher = Sha256::new();
        while let Some(piece) = content.try_next().await? {
            hasher.update(&piece);
            self.push(piece).await?;
        }
        if self.filled > 0 {
            self.send().await?;
        }
        while let Some(part) = self.on_the_way.join_next().await {
            self.arrived(part)?;
        }
        let digest = self.digest;
        if hasher.finalize()[..] == digest.as_bytes()[..] {
            Ok(std::mem::take(&mut self.tags).into_values().collect())
        } else {
            Err(Error::ImageDamaged { digest })
        }
    }

    async fn push(&mut self, mut piece: Bytes) -> Result<(), Error> {
        while !piece.is_empty() {
            let room = usize::try_from(self.part_size - self.filled).unwrap_or(usize::MAX);
            let now = piece.split_to(room.min(piece.len()));
            self.filled += now.len() as u64;
            self.filling.push(now);
            if self.filled == self.part_size {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Begins to send the part that is filled, as soon as there is room for it, unless one has
    /// failed meanwhile.
    async fn send(&mut self) -> Result<(), Error> {
        let content = std::mem::take(&mut self.filling);
        let room = self.bucket.room_for(std::mem::take(&mut self.filled)).await;
        while let Some(part) = self.on_the_way.try_join_next() {
            self.arrived(part)?;
        }
        let (bucket, digest) = (Arc::clone(self.bucket), self.digest);
        let (multipart, number) = (self.multipart.to_owned(), self.next);
        self.next += 1;
        self.on_the_way.spawn(async move {
            let _room = room;
            let tag = bucket.put_part(&digest, &multipart, number, content);
            Ok((number, tag.await?))
        });
        Ok(())
    }

    fn arrived(
        &mut self,
        part: Result<Result<(u64, String), Error>, JoinError>,
    ) -> Result<(), Error> {
        let (number, tag) = part.map_err(stopped)??;
        self.tags.insert(number, tag);
        Ok(())
    }
}
