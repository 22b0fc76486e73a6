//! How the image of a version is made: in the staging folder, then moved to its place, then named
//! by its row. A crash at any point leaves a version that says it failed, and no file that is not
//! removed at the next start.

use std::{path::Path, sync::atomic::AtomicBool};

use aar_types::{ApplicationMetadata, Digest, ImageInfo, VersionNumber};

use super::{Applications, guard::MayEdit, guard::sealed::Permit as _, unmade::Unmade};
use crate::{
    Error, foundation::Foundation, operations::Context, staging::StagedFile, store::Ready,
};

/// A version that has its number and no image yet.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) permit: MayEdit,
    pub(super) number: VersionNumber,
    /// What the package says of all versions, which holds once this one is ready.
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
        match self.name(begun, staged, &ready).await {
            Ok(Some(retired)) => {
                self.clean_up(begun.permit.id(), retired).await;
                Ok(())
            }
            unnamed => {
                self.0.base.images.remove_unused([image.digest]).await;
                unnamed?;
                Err(Error::ApplicationNotFound(begun.permit.id().to_string()))
            }
        }
    }

    /// The lock of the images comes before that of the metadata, for which nobody else holds both.
    async fn name(
        &self,
        begun: &Begun,
        staged: &StagedFile,
        ready: &Ready,
    ) -> Result<Option<Vec<Digest>>, Error> {
        let Foundation { images, store, .. } = &self.0.base;
        let _alone = images.lock().await;
        images.place(staged.path(), ready.image.digest).await?;
        // Somebody may have read the metadata and be about to write it back changed.
        let _editing = self.0.editing.lock().await;
        store.version_ready(&begun.permit, ready).await
    }

    /// Puts down how the making of a version went.
    async fn settle(&self, begun: &Begun, outcome: Result<(), Error>) -> Result<(), Error> {
        match &outcome {
            Ok(()) => self.tell("application-version-ready", begun.permit.id()),
            Err(error) => {
                let unmade = Unmade::by(error, begun.permit.clone(), begun.number);
                self.put_down(unmade).await;
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

#[cfg(test)]
mod tests {
    use aar_testkit::Package;
    use aar_types::Clock;
    use ams_api::{Operation, StatusCode};
    use tokio::time::Duration;

    use crate::{Ams, Settings, applications::CreateOptions, staging::StagedFile};

    async fn ended(ams: &Ams, begun: &Operation, limit: Duration) -> StatusCode {
        let operation = ams.operations().wait(begun.id, Some(limit)).await;
        operation.unwrap().status_code
    }

    #[tokio::test]
    async fn a_package_does_not_take_effect_between_the_reading_and_writing_of_an_edit() {
        let folder = aar_testkit::Folder::new("ams-build");
        let ams = Ams::open(folder.path(), Settings::default(), Clock::system())
            .await
            .unwrap();
        let upload = |package: Package| -> StagedFile {
            let staged = ams.staging().new_file().unwrap();
            package.write_zip(staged.path());
            staged
        };
        let applications = ams.applications();
        let game = upload(Package::new("game"));
        let made = applications.create(game, CreateOptions::default());
        let patience = Duration::from_mins(1);
        assert_eq!(ended(&ams, &made, patience).await, StatusCode::Success);

        let editing = applications.0.editing.lock().await;
        let next = upload(Package::new("game").tagged("new"));
        let begun = applications.update("game", next).await.unwrap();
        // Long enough for all of it, were there nothing to wait for.
        let short = Duration::from_secs(2);
        assert_eq!(ended(&ams, &begun, short).await, StatusCode::Running);
        drop(editing);
        assert_eq!(ended(&ams, &begun, patience).await, StatusCode::Success);
    }
}
