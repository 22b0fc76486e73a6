use std::{io, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

/// Smaller chunks are joined up to this size before they are written.
const PIECE: usize = 512 << 10;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub(super) struct UploadBody {
    body: Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>,
    /// The part of the last chunk that did not fit into the last piece.
    next_chunk: Bytes,
}

/// The reason why a piece ends.
#[derive(Debug)]
pub(super) enum ReadEnd {
    Full,
    Ended,
    /// A newer request continues the upload.
    Superseded,
    /// The connection was lost, or sent no data for too long.
    Failed(BoxError),
}

impl UploadBody {
    pub(super) fn new<S, E>(body: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Self {
            body: Box::pin(body.map_err(Into::into)),
            next_chunk: Bytes::new(),
        }
    }

    /// Reads a piece, which may be empty.
    pub(super) async fn read(
        &mut self,
        superseded: &CancellationToken,
        stall_after: Duration,
    ) -> (Bytes, ReadEnd) {
        let mut piece = BytesMut::new();
        let mut chunk = std::mem::take(&mut self.next_chunk);
        loop {
            if piece.is_empty() && chunk.len() >= PIECE {
                return (chunk, ReadEnd::Full);
            }
            if piece.len() + chunk.len() > PIECE {
                self.next_chunk = chunk;
                return (piece.freeze(), ReadEnd::Full);
            }
            if piece.is_empty() && !chunk.is_empty() {
                piece.reserve(PIECE);
            }
            piece.extend_from_slice(&chunk);
            chunk = match self.chunk(superseded, stall_after).await {
                Ok(chunk) => chunk,
                Err(end) => return (piece.freeze(), end),
            };
        }
    }

    async fn chunk(
        &mut self,
        superseded: &CancellationToken,
        stall_after: Duration,
    ) -> Result<Bytes, ReadEnd> {
        let next = tokio::select! {
            biased;
            () = superseded.cancelled() => return Err(ReadEnd::Superseded),
            next = tokio::time::timeout(stall_after, self.body.next()) => next,
        };
        match next {
            Ok(Some(Ok(chunk))) => Ok(chunk),
            Ok(Some(Err(cause))) => Err(ReadEnd::Failed(cause)),
            Ok(None) => Err(ReadEnd::Ended),
            Err(_) => Err(ReadEnd::Failed(
                io::Error::from(io::ErrorKind::TimedOut).into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const STALL_AFTER: Duration = Duration::from_mins(1);

    async fn sizes(chunks: Vec<usize>) -> Vec<usize> {
        let chunks = chunks
            .into_iter()
            .map(|size| Ok::<_, io::Error>(Bytes::from(vec![7; size])));
        let mut body = UploadBody::new(stream::iter(chunks));
        let mut sizes = Vec::new();
        loop {
            let (piece, end) = body.read(&CancellationToken::new(), STALL_AFTER).await;
            sizes.push(piece.len());
            if let ReadEnd::Ended = end {
                return sizes;
            }
        }
    }

    #[tokio::test]
    async fn small_chunks_are_joined_and_large_ones_kept() {
        assert_eq!(sizes(vec![16 << 10; 40]).await, [PIECE, 8 * (16 << 10)]);
        assert_eq!(
            sizes(vec![2 * PIECE, 1, PIECE]).await,
            [2 * PIECE, 1, PIECE, 0]
        );
        assert_eq!(sizes(vec![]).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn silent_body_fails_and_what_came_is_kept() {
        let came = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"abc"))]);
        let mut body = UploadBody::new(came.chain(stream::pending()));
        let (piece, end) = body.read(&CancellationToken::new(), STALL_AFTER).await;
        assert_eq!(&piece[..], b"abc");
        assert!(matches!(end, ReadEnd::Failed(_)), "{end:?}");
    }
}
