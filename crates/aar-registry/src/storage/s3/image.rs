use std::{io, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use object_store::{GetOptions, GetRange, ObjectStore, aws::AmazonS3, path::Path};

use super::Place;

/// Pieces of at least this size are passed on.
const PIECE: usize = 512 << 10;

/// An image in a bucket that is passed through the registry.
#[derive(Debug, Clone)]
pub struct ImageObject {
    store: Arc<AmazonS3>,
    place: Place,
    path: Path,
    /// Which object it is: another that takes its name in the middle is not taken for it.
    tag: Option<String>,
    size: u64,
}

impl ImageObject {
    pub(super) fn new(store: Arc<AmazonS3>, place: Place, meta: object_store::ObjectMeta) -> Self {
        Self {
            store,
            place,
            path: meta.location,
            tag: meta.e_tag,
            size: meta.size,
        }
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes in this range, in large pieces. A connection that breaks is made again where it
    /// was.
    pub fn stream(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
        let range = range.start..range.end.min(self.size);
        let object = self.clone();
        let begin = async move {
            if range.is_empty() {
                return Ok(stream::empty().boxed());
            }
            object.open(range).await
        };
        in_large_pieces(stream::once(begin).try_flatten())
    }

    async fn open(
        self,
        range: Range<u64>,
    ) -> io::Result<stream::BoxStream<'static, io::Result<Bytes>>> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let failed = move |error: object_store::Error| {
            io::Error::other(self.place.problem("s3:GetObject", &error))
        };
        match self.store.get_opts(&self.path, options).await {
            Ok(found) if self.tag.is_some() && found.meta.e_tag != self.tag => {
                Err(io::Error::other("the object is not the one that it was"))
            }
            Ok(found) => Ok(found.into_stream().map_err(failed).boxed()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Gathers what comes into pieces that are worth a write.
fn in_large_pieces<S>(pieces: S) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    stream::try_unfold(Box::pin(pieces), async |mut pieces| {
        let mut gathered = BytesMut::new();
        while gathered.len() < PIECE {
            match pieces.try_next().await? {
                Some(piece) if gathered.is_empty() && piece.len() >= PIECE => {
                    return Ok(Some((piece, pieces)));
                }
                Some(piece) => {
                    if gathered.is_empty() {
                        gathered.reserve(PIECE + piece.len());
                    }
                    gathered.extend_from_slice(&piece);
                }
                None if gathered.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some((gathered.freeze(), pieces)))
    })
}
