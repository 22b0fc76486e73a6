//! Taking the steps of a plan. Each can be taken again without harm, so a step that was cut off is
//! simply planned and taken again.

use std::sync::Arc;

use aar_client::{Transfer, UploadMemory};
use aar_types::{
    ApplicationMetadata, ApplicationName, Digest, ErrorCode, ImageInfo, Version, VersionNumber,
    VersionPut,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Direction, LocalCatalogue, LocalError, PullAction, PushAction,
    error::Error,
    site::{LARGE, Site},
};

/// A step of either plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Pull(PullAction),
    Push(PushAction),
}

/// What a step has changed, for the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Imported,
    Pushed,
    Updated,
    Removed,
}

impl Step {
    pub(crate) fn application(&self) -> &ApplicationName {
        match self {
            Self::Pull(action) => action.application(),
            Self::Push(action) => action.application(),
        }
    }

    pub(crate) fn version(&self) -> Option<VersionNumber> {
        match self {
            Self::Pull(PullAction::Import { version, .. }) => Some(version.number),
            Self::Pull(
                PullAction::SetPublished { version, .. }
                | PullAction::RemoveVersion { version, .. },
            )
            | Self::Push(
                PushAction::SetPublished { version, .. } | PushAction::Push { version, .. },
            ) => Some(*version),
            _ => None,
        }
    }

    /// The image that travels by it.
    pub(crate) fn image(&self) -> Option<&ImageInfo> {
        match self {
            Self::Pull(PullAction::Import { version, .. }) => Some(&version.image),
            Self::Push(PushAction::Push { put, .. }) => Some(&put.image),
            _ => None,
        }
    }

    pub(crate) fn is_removal(&self) -> bool {
        matches!(self, Self::Pull(action) if action.is_removal())
    }
}

impl<L: LocalCatalogue> Site<L> {
    /// Takes a step. `cancelled` ends a transfer; what is made of it afterwards runs to its end.
    pub(crate) async fn take(
        &self,
        step: &Step,
        cancelled: &CancellationToken,
    ) -> Result<Done, Error> {
        match step {
            Step::Pull(action) => self.take_here(action, cancelled).await,
            Step::Push(action) => self.take_there(action, cancelled).await,
        }
    }

    async fn take_here(
        &self,
        action: &PullAction,
        cancelled: &CancellationToken,
    ) -> Result<Done, Error> {
        let here = &self.catalogue;
        match action {
            PullAction::UpdateMetadata {
                application,
                metadata,
            } => here.update_metadata(application, metadata).await?,
            PullAction::SetPublished {
                application,
                version,
                published,
            } => {
                here.set_published(application, *version, *published)
                    .await?;
            }
            PullAction::Import {
                application,
                metadata,
                version,
            } => {
                self.import(application, metadata, version, cancelled)
                    .await?;
                return Ok(Done::Imported);
            }
            PullAction::RemoveVersion {
                application,
                version,
            } => {
                here.remove_version(application, *version).await?;
                return Ok(Done::Removed);
            }
            PullAction::RemoveApplication { application } => {
                here.remove_application(application).await?;
                return Ok(Done::Removed);
            }
        }
        Ok(Done::Updated)
    }

    async fn take_there(
        &self,
        action: &PushAction,
        cancelled: &CancellationToken,
    ) -> Result<Done, Error> {
        let architecture = self.catalogue.architecture();
        match action {
            PushAction::PutApplication {
                application,
                metadata,
            } => {
                let put = self
                    .client
                    .put_application(application, architecture, metadata);
                put.await?;
            }
            PushAction::SetPublished {
                application,
                version,
                published,
            } => {
                self.client
                    .set_published(application, architecture, *version, *published)
                    .await?;
            }
            PushAction::Push {
                application,
                version,
                put,
            } => {
                self.push(application, *version, put, cancelled).await?;
                return Ok(Done::Pushed);
            }
        }
        Ok(Done::Updated)
    }

    async fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        cancelled: &CancellationToken,
    ) -> Result<(), Error> {
        let image = &version.image;
        let path = self.catalogue.import_path(image);
        let transfer = self.transfer(name, version.number, Direction::Pull, image, cancelled);
        self.client
            .download(
                name,
                self.catalogue.architecture(),
                version.number,
                image,
                &path,
                &transfer,
            )
            .await?;
        drop(transfer);
        let imported = self.catalogue.import(name, metadata, version, &path).await;
        if let Err(LocalError::BadImage(_)) = &imported {
            self.discard(image).await?;
        }
        Ok(imported?)
    }

    /// Removes an image that is not what its version declares, unless it is what another one does.
    async fn discard(&self, image: &ImageInfo) -> Result<(), Error> {
        let local = self.catalogue.applications().await?;
        let mut versions = local.iter().flat_map(|local| &local.versions);
        if versions.any(|version| version.image.digest == image.digest) {
            return Ok(());
        }
        let path = self.catalogue.import_path(image);
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LocalError::failed(error).into())
            }
            _ => Ok(()),
        }
    }

    async fn push(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        put: &VersionPut,
        cancelled: &CancellationToken,
    ) -> Result<(), Error> {
        self.upload(name, number, &put.image, cancelled).await?;
        match self.put_version(name, number, put).await {
            // The registry has collected it between the upload and the commit.
            Err(Error::Registry(error)) if error.code() == Some(ErrorCode::ImageNotStored) => {
                self.upload(name, number, &put.image, cancelled).await?;
                self.put_version(name, number, put).await
            }
            done => done,
        }
    }

    async fn put_version(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        put: &VersionPut,
    ) -> Result<(), Error> {
        let architecture = self.catalogue.architecture();
        self.client
            .put_version(name, architecture, number, put)
            .await?;
        Ok(())
    }

    async fn upload(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        image: &ImageInfo,
        cancelled: &CancellationToken,
    ) -> Result<(), Error> {
        let path = self.catalogue.image_path(name, number).await?;
        let transfer = self.transfer(name, number, Direction::Push, image, cancelled);
        let mut memory = Memory {
            catalogue: &*self.catalogue,
            digest: image.digest,
        };
        self.client
            .upload(&path, image, &mut memory, &transfer)
            .await?;
        Ok(())
    }

    fn transfer(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        direction: Direction,
        image: &ImageInfo,
        cancelled: &CancellationToken,
    ) -> Transfer {
        Transfer {
            progress: self.board.transfer(name, number, direction, image.size),
            cancelled: cancelled.clone(),
        }
    }

    /// Takes the step of a transfer once it is its turn.
    pub(crate) async fn take_in_turn(
        self: Arc<Self>,
        step: Step,
        cancelled: CancellationToken,
    ) -> Result<Done, Error> {
        let size = step.image().map_or(0, |image| image.size);
        let lane = if size >= LARGE {
            &self.large
        } else {
            &self.small
        };
        let _permit = tokio::select! {
            biased;
            () = cancelled.cancelled() => return Err(aar_client::Error::Cancelled.into()),
            permit = lane.acquire() => permit,
        };
        self.take(&step, &cancelled).await
    }
}

/// The memory of an upload in the local catalogue.
struct Memory<'a, L> {
    catalogue: &'a L,
    digest: Digest,
}

impl<L: LocalCatalogue> UploadMemory for Memory<'_, L> {
    async fn recall(&mut self) -> Option<String> {
        let kept = self.catalogue.upload_session(&self.digest).await;
        kept.unwrap_or_else(|error| {
            forgetful(&error);
            None
        })
    }

    async fn remember(&mut self, address: Option<&str>) {
        let kept = self.catalogue.remember_upload(&self.digest, address).await;
        kept.unwrap_or_else(|error| forgetful(&error));
    }
}

/// An upload works without memory too; it only begins anew after a restart.
fn forgetful(error: &LocalError) {
    tracing::warn!(%error, "the address of an upload cannot be kept");
}
