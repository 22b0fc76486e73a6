//! Building the image of a version: written in the staging folder, moved to its final path, then
//! named by the row of the version. After a crash at any point the version is marked failed, and
//! every left-over file is removed.

use std::{path::Path, sync::atomic::AtomicBool};

use aar_types::{ApplicationMetadata, Digest, ImageInfo, VersionNumber};
use tokio::sync::{OwnedMutexGuard, SemaphorePermit};

use super::{Applications, failed_version::FailedVersion};
use crate::{
    Error,
    keyed_lock::QueuedLock,
    operations::OperationContext,
    services::Services,
    staging::StagedFile,
    store::{EditPermit, Permit as _, ReadyVersion},
};

/// A version in state `initializing`.
#[derive(Debug)]
pub(super) struct StartedVersion {
    pub(super) permit: EditPermit,
    pub(super) number: VersionNumber,
    /// The metadata in the package. It applies once this version is ready.
    pub(super) metadata: Option<ApplicationMetadata>,
    /// Bytes, the total of the progress.
    pub(super) content_size: u64,
}

/// Writes an image to a path, reports the bytes that are done, and stops when the flag is set.
pub(super) type WriteImage = Box<
    dyn FnOnce(&Path, &dyn Fn(u64), &AtomicBool) -> Result<ImageInfo, aar_package::Error> + Send,
>;

/// Allows an operation to build a version of its application.
pub(super) struct BuildTurn<'a> {
    _lock: OwnedMutexGuard<()>,
    _slot: SemaphorePermit<'a>,
}

impl Applications {
    /// Waits for the builds before this one.
    pub(super) async fn build_turn(
        &self,
        context: &OperationContext,
        queued: QueuedLock,
    ) -> Result<BuildTurn<'_>, Error> {
        let turn = async {
            let lock = queued.acquire().await;
            let slot = self.0.build_slots.acquire().await;
            Ok(BuildTurn {
                _lock: lock,
                _slot: slot.map_err(|_| Error::Cancelled)?,
            })
        };
        context.unless_cancelled(turn).await
    }

    /// Builds the image of a version and marks the version ready, or records why that failed.
    pub(super) async fn build(
        &self,
        context: &OperationContext,
        version: StartedVersion,
        write: WriteImage,
    ) -> Result<(), Error> {
        self.notify("application-version-created", version.permit.id());
        let outcome = self.try_build(context, &version, write).await;
        match &outcome {
            Ok(()) => self.notify("application-version-ready", version.permit.id()),
            Err(error) => {
                let failed = FailedVersion::new(error, version.permit, version.number);
                self.record_failure(failed).await;
            }
        }
        outcome
    }

    async fn try_build(
        &self,
        context: &OperationContext,
        version: &StartedVersion,
        write: WriteImage,
    ) -> Result<(), Error> {
        let staged = self.0.services.staging.new_image();
        let (staged, image) = write_image(context, staged, version.content_size, write).await?;
        context.check_cancelled()?;
        let config = self.0.services.config.current();
        let keep = config.max_published_versions();
        let ready = ReadyVersion {
            number: version.number,
            image,
            metadata: version.metadata.clone(),
            publish: config.auto_publish().then_some(keep),
        };
        match self.commit(version, &staged, &ready).await {
            Ok(Some(retired)) => {
                self.remove_retired(version.permit.id(), retired).await;
                Ok(())
            }
            uncommitted => {
                self.0.services.images.remove_unused([image.digest]).await;
                uncommitted?;
                Err(Error::ApplicationNotFound(version.permit.id().to_string()))
            }
        }
    }

    /// Moves the image to its path and marks the version ready. Locks are taken in this order
    /// everywhere: images, then metadata.
    async fn commit(
        &self,
        version: &StartedVersion,
        staged: &StagedFile,
        ready: &ReadyVersion,
    ) -> Result<Option<Vec<Digest>>, Error> {
        let Services { images, store, .. } = &self.0.services;
        let _images = images.lock().await;
        images.place(staged.path(), ready.image.digest).await?;
        // An edit may have read the metadata and be about to write its changed form.
        let _metadata = self.0.metadata_lock.lock().await;
        store.version_ready(&version.permit, ready).await
    }
}

async fn write_image(
    context: &OperationContext,
    staged: StagedFile,
    content_size: u64,
    write: WriteImage,
) -> Result<(StagedFile, ImageInfo), Error> {
    let context = context.clone();
    let written = tokio::task::spawn_blocking(move || {
        let progress = |done| context.progress(done, content_size);
        write(staged.path(), &progress, context.cancel_flag()).map(|image| (staged, image))
    });
    written.await?.map_err(|error| match error {
        aar_package::Error::Cancelled => Error::Cancelled,
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aar_testkit::Package;
    use aar_types::Clock;
    use ams_api::{Operation, StatusCode};

    use super::*;
    use crate::{Settings, applications::CreateOptions};

    async fn status_after(services: &Services, begun: &Operation, limit: Duration) -> StatusCode {
        let operation = services.operations.wait(begun.id, Some(limit)).await;
        operation.unwrap().status_code
    }

    #[tokio::test]
    async fn package_takes_effect_only_after_an_edit_that_has_read_the_metadata() {
        let folder = aar_testkit::Folder::new("ams-build");
        let services = Services::open(folder.path(), &Settings::default(), Clock::system())
            .await
            .unwrap();
        let applications = Applications::open(services.clone()).await.unwrap();
        let upload = |package: Package| -> StagedFile {
            let staged = services.staging.new_file().unwrap();
            package.write_zip(staged.path());
            staged
        };
        let created = applications.create(upload(Package::new("game")), CreateOptions::default());
        let minute = Duration::from_mins(1);
        let status = status_after(&services, &created, minute).await;
        assert_eq!(status, StatusCode::Success);

        let edit = applications.0.metadata_lock.lock().await;
        let next = upload(Package::new("game").tagged("new"));
        let updated = applications.update("game", next).await.unwrap();
        // The whole build takes less if it does not wait for the lock.
        let status = status_after(&services, &updated, Duration::from_secs(2)).await;
        assert_eq!(status, StatusCode::Running);
        drop(edit);
        let status = status_after(&services, &updated, minute).await;
        assert_eq!(status, StatusCode::Success);
    }
}
