use std::{io, ops::Range};

use bytes::{Bytes, BytesMut};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::{
    bucket::{Bucket, GET},
    object_reader::ObjectReader,
};
use crate::storage::{Object, content::ReadImage};

/// The minimum size of a piece.
const PIECE: usize = 512 << 10;

/// An image in a bucket that the registry passes through.
#[derive(Debug, Clone)]
pub(crate) struct ImageObject {
    bucket: Bucket,
    object: Object,
}

impl ImageObject {
    pub(super) fn new(bucket: Bucket, object: Object) -> Self {
        Self { bucket, object }
    }
}

impl ReadImage for ImageObject {
    fn stream(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let range = range.start..range.end.min(self.object.size);
        let key = self.bucket.prefix.key(&self.object.path);
        let etag = self.object.tag.clone();
        let reader = ObjectReader::of_range(&self.bucket.client, key, etag, range);
        let info = self.bucket.info.clone();
        let bytes = reader.into_stream();
        let bytes = bytes.map_err(move |error| io::Error::other(info.problem(GET, &error)));
        in_large_pieces(bytes).boxed()
    }
}

fn in_large_pieces<S>(pieces: S) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    stream::try_unfold(Box::pin(pieces), async |mut pieces| {
        let mut collected = BytesMut::new();
        while collected.len() < PIECE {
            match pieces.try_next().await? {
                Some(piece) if collected.is_empty() && piece.len() >= PIECE => {
                    return Ok(Some((piece, pieces)));
                }
                Some(piece) => {
                    if collected.is_empty() {
                        collected.reserve(PIECE + piece.len());
                    }
                    collected.extend_from_slice(&piece);
                }
                None if collected.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some((collected.freeze(), pieces)))
    })
}
