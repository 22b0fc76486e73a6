use std::{io, ops::Range};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use url::Url;

use super::{ImageFile, ImageObject};

/// Where the bytes of an image come from.
#[derive(Debug, Clone)]
pub enum Content {
    /// From a file that is open: deleting the image does not cut the download.
    File(ImageFile),
    /// From a bucket, through the registry.
    Object(ImageObject),
    /// From a signed URL that the client is redirected to.
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
