use std::{io, ops::Range};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use url::Url;

use super::{ImageFile, ImageObject};

/// The source of the bytes of an image.
#[derive(Debug, Clone)]
pub enum Content {
    /// An open file: deleting the image does not interrupt the download.
    File(ImageFile),
    /// A bucket, through the registry.
    Object(ImageObject),
    /// A signed URL that the client is redirected to.
    Redirect(Url),
}

impl Content {
    /// The bytes in this range, in large pieces. `None` if the client is redirected.
    pub fn stream(&self, range: Range<u64>) -> Option<BoxStream<'static, io::Result<Bytes>>> {
        match self {
            Self::File(file) => Some(file.stream(range).boxed()),
            Self::Object(object) => Some(object.stream(range).boxed()),
            Self::Redirect(_) => None,
        }
    }
}
