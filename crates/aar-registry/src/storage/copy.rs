//! Copies images from one storage to another, whole or not at all.

use aar_types::Digest;
use futures_util::TryStreamExt;

use super::{
    Backend, ByteStream,
    staged::{Progress, StagedId, StagedWriter},
};
use crate::{Error, UploadId};

impl dyn Backend {
    /// Stores a blob, unless its bytes do not match the digest.
    pub(crate) async fn write_blob(
        &self,
        digest: &Digest,
        size: u64,
        content: ByteStream,
    ) -> Result<(), Error> {
        let upload = UploadId::random();
        let mut id = StagedId {
            upload,
            digest: *digest,
            length: size,
            multipart: None,
        };
        id.multipart = self.begin_staging(&id).await?;
        let start = Progress::default();
        let mut staged = self.staged(id);
        staged.resume(&start).await?;
        let mut writer = StagedWriter::new(staged, size, start.durable);
        let copied = copy(&mut writer, digest, content).await;
        let mut staged = writer.stop().await;
        let finished = match copied {
            Ok(parts) => staged.finish(&parts).await,
            Err(error) => Err(error),
        };
        if let Ok(true) = finished {
            return Ok(());
        }
        if let Err(error) = staged.abort().await {
            // Garbage collection deletes it.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "cannot delete what a failed copy has staged");
        }
        finished?;
        Err(Error::UploadNotFound { id: upload })
    }
}

/// Returns the tags of the parts.
async fn copy(
    writer: &mut StagedWriter,
    digest: &Digest,
    mut content: ByteStream,
) -> Result<Vec<String>, Error> {
    while let Some(piece) = content.try_next().await? {
        writer.write(piece).await?;
    }
    writer.flush().await?;
    let mut parts = Vec::new();
    while let Some(durable) = writer.next_durable().await? {
        parts.extend(durable.part.map(|part| part.etag));
    }
    if writer.digest() == *digest {
        Ok(parts)
    } else {
        Err(Error::ImageDamaged { digest: *digest })
    }
}
