use std::{fs::File, io, ops::Range, sync::Arc};

use aar_types::{ApplicationName, Architecture, ImageInfo, VersionNumber};
use bytes::Bytes;
use futures_util::{Stream, stream};
use url::Url;

use crate::{Error, Reader};

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
    /// From somewhere else, which the caller is sent to.
    Redirect(Url),
}

/// An open image file.
#[derive(Debug, Clone)]
pub struct ImageFile {
    file: Arc<File>,
    size: u64,
}

impl ImageFile {
    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes in this range, in large pieces, read ahead of their use.
    pub fn stream(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
        let _ = (range, &self.file);
        stream::empty()
    }
}

impl Reader {
    /// The image of a version.
    pub async fn fetch(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<Option<Fetch>, Error> {
        let _ = (name, architecture, number);
        todo!()
    }
}
