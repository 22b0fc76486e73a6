use std::{fmt, io, ops::Range};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use url::Url;

/// The source of the bytes of an image.
#[derive(Debug)]
pub enum Content {
    /// The registry has the bytes, or passes them on.
    Bytes(Box<dyn ReadImage>),
    /// A signed URL that the client is redirected to.
    Redirect(Url),
}

impl Content {
    /// The bytes in this range, in large pieces. `None` if the client is redirected.
    pub fn stream(&self, range: Range<u64>) -> Option<BoxStream<'static, io::Result<Bytes>>> {
        match self {
            Self::Bytes(image) => Some(image.stream(range)),
            Self::Redirect(_) => None,
        }
    }
}

/// An open image. Deleting the image does not change its bytes.
pub trait ReadImage: fmt::Debug + Send + Sync {
    /// The bytes in this range, in large pieces.
    fn stream(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>>;
}
