//! How the image of a version is made: in the staging folder, then moved to its place, then named
//! by its row. A crash at any point leaves a version that says it failed, and no file that is not
//! removed at the next start.

use std::{path::Path, sync::atomic::AtomicBool};

use aar_types::{ApplicationMetadata, ImageInfo, VersionNumber};

use super::{Applications, guard::MayEdit, guard::sealed::Permit as _};
use crate::{Error, error::chain, operations::Context, staging::StagedFile, store::Ready};

/// A version that has its number and no image yet.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) permit: MayEdit,
    pub(super) number: VersionNumber,
    /// What holds for all versions once this one is ready.
    pub(super) metadata: Option<ApplicationMetadata>,
    /// How many bytes of content there are, for the progress.
    pub(super) content_size: u64,
}

/// Writes an image to a path.
pub(super) trait Write:
    FnOnce(&Path, &dyn Fn(u64), &AtomicBool) -> Result<ImageInfo, aar_package::Error> + Send + 'static
{
}
impl<F> Write for F where
    F: FnOnce(&Path, &dyn Fn(u64), &AtomicBool) -> Result<ImageInfo, aar_package::Error>
        + Send
        + 'static
{
}

impl Applications {
    /// Makes the image of a version and with it the version usable; or keeps the reason why not.
    pub(super) async fn build(
        &self,
        context: &Context,
        begun: Begun,
        write: impl Write,
    ) -> Result<(), Error> {
        self.tell("application-version-created", begun.permit.id());
        let outcome = self.make(context, &begun, write).await;
        self.settle(&begun, outcome).await
    }

    async fn make(&self, context: &Context, begun: &Begun, write: impl Write) -> Result<(), Error> {
        let staged = self.0.base.staging.new_image();
        let (staged, image) = write_image(context, staged, begun.content_size, write).await?;
        context.go_on()?;
        self.finish(begun, &staged, image).await
    }

    /// Places the image and names it, with nobody cleaning up in between.
    async fn finish(
        &self,
        begun: &Begun,
        staged: &StagedFile,
        image: ImageInfo,
    ) -> Result<(), Error> {
        let config = self.0.base.config.current();
        let keep = config.max_published_versions();
        let ready = Ready {
            number: begun.number,
            image,
            metadata: begun.metadata.clone(),
            publish: config.auto_publish().then_some(keep),
        };
        let alone = self.0.base.images.lock().await;
        self.0
            .base
            .images
            .place(staged.path(), image.digest)
            .await?;
        let retired = self
            .0
            .base
            .store
            .version_ready(&begun.permit, &ready)
            .await?;
        drop(alone);
        let Some(retired) = retired else {
            self.0.base.images.remove_unused([image.digest]).await;
            return Err(Error::ApplicationNotFound(begun.permit.id().to_string()));
        };
        self.clean_up(begun.permit.id(), retired).await;
        Ok(())
    }

    async fn settle(&self, begun: &Begun, outcome: Result<(), Error>) -> Result<(), Error> {
        let id = begun.permit.id();
        match &outcome {
            Ok(()) => self.tell("application-version-ready", id),
            Err(Error::Cancelled) => {
                self.0
                    .base
                    .store
                    .version_cancelled(&begun.permit, begun.number)
                    .await?;
                self.tell("application-version-cancelled", id);
            }
            Err(error) => {
                let reason = chain(error);
                self.0
                    .base
                    .store
                    .version_failed(&begun.permit, begun.number, &reason)
                    .await?;
                self.tell("application-version-failed", id);
            }
        }
        outcome
    }
}

async fn write_image(
    context: &Context,
    staged: StagedFile,
    content_size: u64,
    write: impl Write,
) -> Result<(StagedFile, ImageInfo), Error> {
    let context = context.clone();
    let written = tokio::task::spawn_blocking(move || {
        let stop = context.stop_flag();
        let progress = |done| context.progress(done, content_size);
        write(staged.path(), &progress, &stop).map(|image| (staged, image))
    });
    written.await?.map_err(|error| match error {
        aar_package::Error::Cancelled => Error::Cancelled,
        other => other.into(),
    })
}
