//! A section of a file as a stream of chunks, read ahead by a blocking thread.

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

const CHUNK: u64 = 1 << 20;
/// How many chunks are read ahead.
const READ_AHEAD: usize = 2;

/// Streams `length` bytes from an offset. `sent` counts the bytes that the receiver has taken.
pub(super) fn read(
    file: Arc<File>,
    offset: u64,
    length: u64,
    sent: Arc<AtomicU64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || read_ahead(&file, offset, offset + length, &sender));
    stream::unfold((receiver, sent), |(mut receiver, sent)| async move {
        let chunk: io::Result<Bytes> = receiver.recv().await?;
        let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        sent.fetch_add(length, Ordering::Relaxed);
        Some((chunk, (receiver, sent)))
    })
}

fn read_ahead(file: &File, mut offset: u64, end: u64, sender: &mpsc::Sender<io::Result<Bytes>>) {
    while offset < end {
        let chunk = read_chunk(file, offset, CHUNK.min(end - offset));
        offset += CHUNK;
        let failed = chunk.is_err();
        // The receiver is gone when the request has ended early.
        if sender.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}

fn read_chunk(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut chunk = vec![0; length];
    file.read_exact_at(&mut chunk, offset)?;
    Ok(chunk.into())
}
