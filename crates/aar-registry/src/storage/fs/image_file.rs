//! Image files that are streamed to clients.
//!
//! Pieces are read ahead. Beside the piece being sent, a stream holds two that are read or queued. The size
//! of the next piece depends on the number of streams, which bounds the memory of many downloads.

use std::{
    fs::File,
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use rustix::{
    buffer::spare_capacity,
    fs::{Advice, fadvise},
    io::pread,
};
use tokio::task::spawn_blocking;

use crate::{storage::content::ReadImage, tasks::stopped};

/// The piece size with few downloads.
const LARGEST: u64 = 256 << 10;
/// The smallest piece size; all others are multiples of it.
const SMALLEST: u64 = 64 << 10;
/// The memory for one piece of each stream together, unless pieces would become too small.
const SHARED: u64 = 4 << 20;
/// Pieces that are being read or queued.
const AHEAD: usize = 2;

#[derive(Debug, Clone)]
pub(crate) struct ImageFile {
    file: Arc<File>,
    size: u64,
    streams: Streams,
}

impl ImageFile {
    pub(super) fn new(file: File, streams: Streams) -> io::Result<Self> {
        let size = file.metadata()?.len();
        fadvise(&file, 0, None, Advice::Sequential)?;
        let file = Arc::new(file);
        Ok(Self {
            file,
            size,
            streams,
        })
    }

    /// Its length in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl ReadImage for ImageFile {
    fn stream(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let pieces = Pieces {
            left: range.start..range.end.min(self.size),
            open: self.streams.begin(),
        };
        let file = Arc::clone(&self.file);
        stream::iter(pieces)
            .map(move |piece| read(Arc::clone(&file), piece))
            .buffered(AHEAD)
            .boxed()
    }
}

/// Counts the open streams of a storage.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<AtomicU64>);

impl Streams {
    fn begin(&self) -> OpenStream {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenStream(self.clone())
    }

    fn piece_size(&self) -> u64 {
        piece_size(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct OpenStream(Streams);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn piece_size(streams: u64) -> u64 {
    let share = SHARED / streams.max(1);
    (share - share % SMALLEST).clamp(SMALLEST, LARGEST)
}

/// Cuts a range into pieces. The size of each piece is decided when it is read.
struct Pieces {
    left: Range<u64>,
    open: OpenStream,
}

impl Iterator for Pieces {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let Range { start, end } = self.left;
        if start >= end {
            return None;
        }
        self.left.start = end.min(start + self.open.0.piece_size());
        Some(start..self.left.start)
    }
}

/// Starts to read at once.
fn read(
    file: Arc<File>,
    piece: Range<u64>,
) -> impl Future<Output = io::Result<Bytes>> + Send + 'static {
    let task = spawn_blocking(move || read_now(&file, piece));
    async {
        task.await
            .unwrap_or_else(|error| Err(io::Error::other(stopped(error))))
    }
}

fn read_now(file: &File, piece: Range<u64>) -> io::Result<Bytes> {
    let size = usize::try_from(piece.end - piece.start).map_err(io::Error::other)?;
    let mut buffer = Vec::with_capacity(size);
    while buffer.len() < size {
        let at = piece.start + buffer.len() as u64;
        match pread(file, spare_capacity(&mut buffer), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // A vector may have more capacity than requested.
    buffer.truncate(size);
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    const KIB: u64 = 1 << 10;

    fn pieces(streams: &Streams, left: Range<u64>) -> Pieces {
        let open = streams.begin();
        Pieces { left, open }
    }

    fn others(streams: &Streams, count: usize) -> Vec<OpenStream> {
        iter::repeat_with(|| streams.begin()).take(count).collect()
    }

    #[test]
    fn pieces_become_smaller_with_more_streams() {
        for (streams, size) in [
            (0, 256),
            (1, 256),
            (16, 256),
            (17, 192),
            (21, 192),
            (22, 128),
            (32, 128),
            (33, 64),
            (64, 64),
            (1_000_000, 64),
        ] {
            assert_eq!(piece_size(streams), size * KIB, "{streams}");
        }
    }

    #[test]
    fn pieces_cover_the_range_without_gap_or_overlap() {
        for range in [0..0, 5..6, 0..LARGEST, 7..3 * LARGEST, 1..LARGEST + 1] {
            let mut next = range.start;
            for piece in pieces(&Streams::default(), range.clone()) {
                assert_eq!(piece.start, next);
                assert_eq!(piece.end, range.end.min(next + LARGEST));
                next = piece.end;
            }
            assert_eq!(next, range.end);
        }
    }

    #[test]
    fn pieces_of_changing_size_cover_the_range_without_gap_or_overlap() {
        let streams = Streams::default();
        let mut pieces = pieces(&streams, 7..1_000_000);
        let mut cut = Vec::new();
        for beside in [0, 63, 20, 31, 0, 1_000, 0] {
            let _others = others(&streams, beside);
            cut.extend(pieces.next());
        }
        let sizes: Vec<_> = cut.iter().map(|piece| piece.end - piece.start).collect();
        let last = 1_000_000 - 7 - 960 * KIB;
        let expected = [256, 64, 192, 128, 256, 64].map(|size| size * KIB);
        assert_eq!(sizes, [&expected[..], &[last]].concat());
        assert!(cut.is_sorted_by(|one, next| one.end == next.start));
        assert_eq!((cut[0].start, cut[6].end), (7, 1_000_000));
        assert_eq!(pieces.next(), None);
    }

    #[tokio::test]
    async fn stream_counts_until_it_is_dropped() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1_000_000).unwrap();
        let streams = Streams::default();
        let image = ImageFile::new(file, streams.clone()).unwrap();
        let first = async || {
            let mut stream = image.stream(0..image.size());
            stream.next().await.unwrap().unwrap().len() as u64
        };
        let many: Vec<_> = iter::repeat_with(|| image.stream(0..1)).take(40).collect();
        assert_eq!(first().await, 64 * KIB);
        drop(many);
        assert_eq!(first().await, 256 * KIB);
        assert_eq!(streams.0.load(Ordering::Relaxed), 0);
    }
}
