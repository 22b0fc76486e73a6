//! The body of a request, in pieces that are worth a write.

use std::{io, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

/// How much is gathered before it is written.
const PIECE: usize = 512 << 10;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A body that is being read.
pub(super) struct Source {
    body: Pin<Box<dyn Stream<Item = Result<Bytes, Cause>> + Send>>,
    /// What did not fit into the piece before.
    rest: Bytes,
}

/// Why a body gives no more for now.
#[derive(Debug)]
pub(super) enum Pause {
    /// The piece is full.
    Full,
    /// The body is at its end.
    End,
    /// Somebody else wants to continue.
    Superseded,
    /// The connection broke, or nothing came for too long.
    Broken(Cause),
}

impl Source {
    pub(super) fn new<S, E>(body: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Cause> + 'static,
    {
        Self {
            body: Box::pin(body.map_err(Into::into)),
            rest: Bytes::new(),
        }
    }

    /// Gathers a piece. It may be empty, and comes with the reason for which it is no larger.
    pub(super) async fn piece(
        &mut self,
        stop: &CancellationToken,
        patience: Duration,
    ) -> (Bytes, Pause) {
        let mut piece = BytesMut::new();
        let mut chunk = std::mem::take(&mut self.rest);
        loop {
            if piece.is_empty() && chunk.len() >= PIECE {
                return (chunk, Pause::Full);
            }
            if piece.len() + chunk.len() > PIECE {
                self.rest = chunk;
                return (piece.freeze(), Pause::Full);
            }
            if piece.is_empty() && !chunk.is_empty() {
                piece.reserve(PIECE);
            }
            piece.extend_from_slice(&chunk);
            chunk = match self.next(stop, patience).await {
                Ok(chunk) => chunk,
                Err(pause) => return (piece.freeze(), pause),
            };
        }
    }

    async fn next(&mut self, stop: &CancellationToken, patience: Duration) -> Result<Bytes, Pause> {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Pause::Superseded),
            next = tokio::time::timeout(patience, self.body.next()) => next,
        };
        match next {
            Ok(Some(Ok(chunk))) => Ok(chunk),
            Ok(Some(Err(cause))) => Err(Pause::Broken(cause)),
            Ok(None) => Err(Pause::End),
            Err(_) => Err(Pause::Broken(
                io::Error::from(io::ErrorKind::TimedOut).into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    async fn sizes(chunks: Vec<usize>) -> Vec<usize> {
        let chunks = chunks
            .into_iter()
            .map(|size| Ok::<_, io::Error>(Bytes::from(vec![7; size])));
        let mut source = Source::new(stream::iter(chunks));
        let mut sizes = Vec::new();
        loop {
            let (piece, pause) = source.piece(&CancellationToken::new(), PATIENCE).await;
            sizes.push(piece.len());
            if let Pause::End = pause {
                return sizes;
            }
        }
    }

    #[tokio::test]
    async fn small_chunks_are_gathered_and_large_ones_left_as_they_are() {
        assert_eq!(sizes(vec![16 << 10; 40]).await, [PIECE, 8 * (16 << 10)]);
        assert_eq!(
            sizes(vec![2 * PIECE, 1, PIECE]).await,
            [2 * PIECE, 1, PIECE, 0]
        );
        assert_eq!(sizes(vec![]).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_goes_silent_is_taken_for_broken_and_what_came_is_kept() {
        let came = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"abc"))]);
        let mut source = Source::new(came.chain(stream::pending()));
        let (piece, pause) = source.piece(&CancellationToken::new(), PATIENCE).await;
        assert_eq!(&piece[..], b"abc");
        assert!(matches!(pause, Pause::Broken(_)), "{pause:?}");
    }
}
