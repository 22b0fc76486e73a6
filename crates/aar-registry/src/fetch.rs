//! Fetching the image of a version.

use aar_types::{ApplicationName, Architecture, ImageInfo, VersionNumber};

use crate::{Content, Error, Reader};

/// An image that is ready to be sent.
#[derive(Debug)]
pub struct Fetch {
    pub image: ImageInfo,
    /// The source of its bytes.
    pub content: Content,
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
        let content = self
            .registry
            .storage()
            .open_blob(&digest, image.size)
            .await?;
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
