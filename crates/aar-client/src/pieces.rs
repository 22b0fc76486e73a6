//! A file as a stream of large pieces, read ahead by a thread of its own.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

const PIECE: u64 = 1 << 20;
/// Pieces that are read ahead while others are sent.
const AHEAD: usize = 2;

/// The bytes of a file from an offset on. `taken` counts those that were handed out.
pub(crate) fn pieces(
    file: Arc<File>,
    offset: u64,
    length: u64,
    taken: Arc<AtomicU64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || read_ahead(&file, offset, offset + length, &sender));
    stream::unfold((receiver, taken), |(mut receiver, taken)| async move {
        let piece: io::Result<Bytes> = receiver.recv().await?;
        let length = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        taken.fetch_add(length, Ordering::Relaxed);
        Some((piece, (receiver, taken)))
    })
}

fn read_ahead(file: &File, mut offset: u64, end: u64, sender: &mpsc::Sender<io::Result<Bytes>>) {
    while offset < end {
        let piece = read(file, offset, PIECE.min(end - offset));
        offset += PIECE;
        let failed = piece.is_err();
        // Nobody listens any more when the request has ended early.
        if sender.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}

fn read(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, offset)?;
    Ok(piece.into())
}
