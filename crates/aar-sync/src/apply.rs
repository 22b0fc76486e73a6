//! Applies the steps of a plan: transfers beside each other, all others in order. Every step is
//! idempotent, so an interrupted one is planned and applied again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use aar_client::{Transfer, UploadUrlStore};
use aar_types::{
    ApplicationMetadata, ApplicationName, Digest, ErrorCode, Fingerprint, ImageInfo, Version,
    VersionNumber, VersionPut,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::SyncDirection,
    context::SyncContext,
    error::Error,
    local_catalogue::{LocalCatalogue, LocalError},
    plan::{Action, Step},
    report::FinishedStep,
};

impl<L: LocalCatalogue> SyncContext<L> {
    /// `cancelled` ends a transfer. What follows a completed transfer runs to its end.
    pub(crate) async fn apply(
        &self,
        step: &Step,
        cancelled: &CancellationToken,
    ) -> Result<(), Error> {
        let (local, registry) = (&self.catalogue, &self.client);
        let (name, architecture) = (&step.application, local.architecture());
        match &step.action {
            Action::UpdateMetadata(metadata) => local.update_metadata(name, metadata).await?,
            Action::SetPublished(number, published) => {
                local.set_published(name, *number, *published).await?;
            }
            Action::Import { metadata, version } => {
                self.import(name, metadata, version, cancelled).await?;
            }
            Action::RemoveVersion(number) => local.remove_version(name, *number).await?,
            Action::RemoveApplication => local.remove_application(name).await?,
            Action::PushMetadata(metadata) => {
                let put = registry.put_application(name, architecture, metadata);
                put.await?;
            }
            Action::PushPublished(number, published) => {
                let set = registry.set_published(name, architecture, *number, *published);
                set.await?;
            }
            Action::PushVersion(number, put) => self.push(name, *number, put, cancelled).await?,
        }
        Ok(())
    }

    async fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        cancelled: &CancellationToken,
    ) -> Result<(), Error> {
        let (image, architecture) = (&version.image, self.catalogue.architecture());
        let path = self.catalogue.import_path(image);
        let direction = SyncDirection::Pull;
        let transfer = self.transfer(name, version.number, direction, image, cancelled);
        self.client
            .download(name, architecture, version.number, image, &path, &transfer)
            .await?;
        drop(transfer);
        let imported = self.catalogue.import(name, metadata, version, &path).await;
        if let Err(LocalError::BadImage(_)) = &imported {
            self.discard(image).await?;
        }
        Ok(imported?)
    }

    /// Deletes a bad image unless it is the image of another local version.
    async fn discard(&self, image: &ImageInfo) -> Result<(), Error> {
        let local = self.catalogue.applications().await?;
        let mut versions = local.iter().flat_map(|local| &local.versions);
        if versions.any(|version| version.image.digest == image.digest) {
            return Ok(());
        }
        match tokio::fs::remove_file(self.catalogue.import_path(image)).await {
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
        let architecture = self.catalogue.architecture();
        let put_version = || self.client.put_version(name, architecture, number, put);
        self.upload(name, number, &put.image, cancelled).await?;
        match put_version().await {
            // Garbage collection removed the image between upload and commit.
            Err(error) if error.code() == Some(ErrorCode::ImageNotStored) => {
                self.upload(name, number, &put.image, cancelled).await?;
                put_version().await?;
            }
            committed => drop(committed?),
        }
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
        let transfer = self.transfer(name, number, SyncDirection::Push, image, cancelled);
        let mut memory = StoredUpload {
            catalogue: &*self.catalogue,
            digest: image.digest,
        };
        let upload = self.client.upload(&path, image, &mut memory, &transfer);
        Ok(upload.await?)
    }

    fn transfer(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        direction: SyncDirection,
        image: &ImageInfo,
        cancelled: &CancellationToken,
    ) -> Transfer {
        Transfer {
            progress: self.board.transfer(name, number, direction, image.size),
            cancelled: cancelled.clone(),
        }
    }
}

/// Keeps the URL of an upload in the local catalogue.
struct StoredUpload<'a, L> {
    catalogue: &'a L,
    digest: Digest,
}

impl<L: LocalCatalogue> UploadUrlStore for StoredUpload<'_, L> {
    async fn load(&mut self) -> Option<String> {
        let stored = self.catalogue.upload_session(&self.digest).await;
        stored.unwrap_or_else(|error| {
            warn(&error);
            None
        })
    }

    async fn save(&mut self, url: Option<&str>) {
        let stored = self.catalogue.remember_upload(&self.digest, url).await;
        stored.unwrap_or_else(|error| warn(&error));
    }
}

/// The upload works without a stored URL; only a restart of the program makes it start over.
fn warn(error: &LocalError) {
    tracing::warn!(%error, "the URL of an upload cannot be stored");
}

type TransferKey = (ApplicationName, VersionNumber, Fingerprint);

/// The transfers of a round. They run while the round observes and plans again.
#[derive(Default)]
pub(crate) struct Transfers {
    running: HashMap<TransferKey, CancellationToken>,
    /// Not started again, even if the other side does not show them yet.
    finished: HashSet<TransferKey>,
    tasks: JoinSet<FinishedStep>,
}

impl Transfers {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Starts the wanted transfers and cancels those that are no longer wanted.
    pub(crate) fn update<L: LocalCatalogue>(
        &mut self,
        context: &Arc<SyncContext<L>>,
        wanted: Vec<Step>,
    ) {
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter_map(|step| Some((transfer_key(&step)?, step)))
            .collect();
        for (key, cancelled) in &self.running {
            if wanted.iter().all(|(wanted, _)| wanted != key) {
                cancelled.cancel();
            }
        }
        for (key, step) in wanted {
            if !self.running.contains_key(&key) && !self.finished.contains(&key) {
                self.start(context, key, step);
            }
        }
    }

    fn start<L: LocalCatalogue>(
        &mut self,
        context: &Arc<SyncContext<L>>,
        key: TransferKey,
        step: Step,
    ) {
        let cancelled = CancellationToken::new();
        self.running.insert(key, cancelled.clone());
        let context = Arc::clone(context);
        self.tasks.spawn(async move {
            let result = apply_transfer(&context, &step, cancelled).await;
            FinishedStep { step, result }
        });
    }

    /// Waits until one of the transfers has ended; `None` if none is running.
    pub(crate) async fn next(&mut self) -> Option<FinishedStep> {
        match self.tasks.join_next().await? {
            Ok(ended) => {
                if let Some(key) = transfer_key(&ended.step) {
                    self.running.remove(&key);
                    self.finished.extend(ended.result.is_ok().then_some(key));
                }
                Some(ended)
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// After a change, a finished transfer may be necessary again.
    pub(crate) fn forget_finished(&mut self) {
        self.finished.clear();
    }

    /// Cancels all. Those whose image is complete run to their end.
    pub(crate) fn cancel(&self) {
        for cancelled in self.running.values() {
            cancelled.cancel();
        }
    }
}

/// Applies the step of a transfer once it has a permit.
async fn apply_transfer<L: LocalCatalogue>(
    context: &SyncContext<L>,
    step: &Step,
    cancelled: CancellationToken,
) -> Result<(), Error> {
    let size = step.image().map_or(0, |image| image.size);
    let _permit = tokio::select! {
        biased;
        () = cancelled.cancelled() => return Err(aar_client::Error::Cancelled.into()),
        permit = context.transfer_permits(size).acquire() => permit,
    };
    context.apply(step, &cancelled).await
}

fn transfer_key(step: &Step) -> Option<TransferKey> {
    let image = step.image()?;
    Some((step.application.clone(), step.version()?, image.fingerprint))
}
