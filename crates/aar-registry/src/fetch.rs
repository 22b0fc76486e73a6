//! Fetching the image of a version.

use std::{fs::File, io, ops::Range, sync::Arc};

use aar_types::{ApplicationName, Architecture, ImageInfo, VersionNumber};
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use rustix::{
    buffer::spare_capacity,
    fs::{Advice, fadvise},
    io::pread,
};
use tokio::task::spawn_blocking;
use url::Url;

use crate::{Error, ImageObject, Reader, tasks::stopped};

/// How much is read at once.
const PIECE: u64 = 256 << 10;
/// How many pieces are being read, or wait to be taken.
const AHEAD: usize = 2;

/// An image that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// What it is.
    pub image: ImageInfo,
    /// Where it comes from.
    pub content: Content,
}

/// Where the bytes of an image come from.
#[derive(Debug, Clone)]
pub enum Content {
    /// From a file that is open already: deleting the image does not cut this.
    File(ImageFile),
    /// From a bucket, through the registry.
    Object(ImageObject),
    /// From somewhere else, which the caller is sent to.
    Redirect(Url),
}

impl Content {
    /// The bytes in this range, in large pieces. `None` where the caller is sent elsewhere.
    pub fn stream(&self, range: Range<u64>) -> Option<BoxStream<'static, io::Result<Bytes>>> {
        match self {
            Self::File(file) => Some(file.stream(range).boxed()),
            Self::Object(object) => Some(object.stream(range).boxed()),
            Self::Redirect(_) => None,
        }
    }
}

/// An open image file.
#[derive(Debug, Clone)]
pub struct ImageFile {
    file: Arc<File>,
    size: u64,
}

impl ImageFile {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        fadvise(&file, 0, None, Advice::Sequential)?;
        let file = Arc::new(file);
        Ok(Self { file, size })
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes in this range, in large pieces, read ahead of their use.
    pub fn stream(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
        let end = range.end.min(self.size);
        let pieces = pieces(range.start..end);
        let file = Arc::clone(&self.file);
        stream::iter(pieces)
            .map(move |piece| read(Arc::clone(&file), piece))
            .buffered(AHEAD)
    }
}

fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let Range { start, end } = range;
    let starts = (0..).map(move |n| start + n * PIECE);
    let starts = starts.take_while(move |from| *from < end);
    starts.map(move |from| from..end.min(from + PIECE))
}

/// Reads one piece, beginning at once.
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
    // A vector may have more room than was asked for.
    buffer.truncate(size);
    Ok(buffer.into())
}

impl Reader {
    /// The image of a version.
    pub async fn fetch(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<Option<Fetch>, Error> {
        let Some(version) = self.version(name, architecture, number).await? else {
            return Ok(None);
        };
        let image = version.image;
        let digest = image.digest;
        let content = self.registry.blobs().open_blob(&digest).await?;
        match content {
            Some(content) => Ok(Some(Fetch { image, content })),
            // Either the version was deleted a moment ago, or the storage has lost the image.
            None => match self.version(name, architecture, number).await? {
                Some(_) => Err(Error::ImageMissing { digest }),
                None => Ok(None),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_range_without_gap_or_overlap() {
        for range in [0..0, 5..6, 0..PIECE, 7..3 * PIECE, 1..PIECE + 1] {
            let mut next = range.start;
            for piece in pieces(range.clone()) {
                assert_eq!(piece.start, next);
                assert!(piece.end > piece.start && piece.end - piece.start <= PIECE);
                next = piece.end;
            }
            assert_eq!(next, range.end.max(range.start));
        }
    }
}
