//! Applies the steps of a plan: transfers beside each other, all others in order. Every step is
//! idempotent, so an interrupted one is planned and applied again.
//!
//! A change takes effect only if its source still has what it is about. A plan is older than its
//! steps, by hours for a large image. So the lock of the application is held from the last look at
//! the source to the end of the change. A local deletion takes the same lock: it comes before the
//! look, which then finds nothing, or after the change.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use aar_client::{Transfer, UploadUrlStore};
use aar_types::{
    ApplicationName, Digest, ErrorCode, Fingerprint, ImageInfo, Version, VersionNumber,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::SyncDirection,
    context::SyncContext,
    error::Error,
    local_catalogue::{LocalApplication, LocalCatalogue, LocalError},
    plan::{Action, Step, push::still_justified},
    round::FinishedStep,
};

impl<L: LocalCatalogue> SyncContext<L> {
    /// Applies a step that transfers nothing.
    pub(crate) async fn apply(&self, step: &Step) -> Result<(), Error> {
        let (local, name) = (&self.catalogue, &step.application);
        match &step.action {
            Action::UpdateMetadata(metadata) => {
                metadata.check()?;
                local.update_metadata(name, metadata).await?;
            }
            Action::SetPublished(number, published) => {
                local.set_published(name, *number, *published).await?;
            }
            Action::RemoveVersion(number) => local.remove_version(name, *number).await?,
            Action::RemoveApplication => local.remove_application(name).await?,
            Action::PushMetadata(_) | Action::PushPublished(..) => {
                self.commit(name, &step.action).await?;
            }
            Action::Import { .. } | Action::PushVersion(..) => {}
        }
        Ok(())
    }

    /// Applies a step that transfers an image. `cancelled` ends the transfer; what follows a complete
    /// one runs to its end. `existed` says whether this AMS had the application when it was planned.
    async fn transfer_step(
        &self,
        step: &Step,
        existed: bool,
        cancelled: &CancellationToken,
    ) -> Result<(), Error> {
        let name = &step.application;
        match &step.action {
            Action::Import { metadata, version } => {
                metadata.check()?;
                version.manifest.check()?;
                self.import(name, version, existed, cancelled).await
            }
            Action::PushVersion(number, put) => {
                let upload = || self.upload(name, *number, &put.image, cancelled);
                upload().await?;
                match self.commit(name, &step.action).await {
                    // Garbage collection removed the image between upload and commit.
                    Err(Error::Registry(error))
                        if error.code() == Some(ErrorCode::ImageNotStored) =>
                    {
                        upload().await?;
                        self.commit(name, &step.action).await
                    }
                    committed => committed,
                }
            }
            _ => self.apply(step).await,
        }
    }

    async fn import(
        &self,
        name: &ApplicationName,
        version: &Version,
        existed: bool,
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
        let imported = self.commit_import(name, version, &path, existed).await;
        if let Err(Error::Local(LocalError::BadImage(_))) = &imported {
            self.discard(image).await?;
        }
        imported
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
    running: HashMap<TransferKey, (Step, CancellationToken)>,
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
        present: &BTreeSet<ApplicationName>,
    ) {
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter_map(|step| Some((transfer_key(&step)?, step)))
            .collect();
        for (key, (_, cancelled)) in &self.running {
            if wanted.iter().all(|(wanted, _)| wanted != key) {
                cancelled.cancel();
            }
        }
        for (key, step) in wanted {
            if !self.running.contains_key(&key) && !self.finished.contains(&key) {
                let existed = present.contains(&step.application);
                self.start(context, key, step, existed);
            }
        }
    }

    /// Cancels the pushes that the local applications no longer justify.
    pub(crate) fn cancel_unjustified(&self, local: &[LocalApplication]) {
        for (step, cancelled) in self.running.values() {
            let found = local.iter().find(|it| it.name == step.application);
            if still_justified(found, &step.action).is_none() {
                cancelled.cancel();
            }
        }
    }

    fn start<L: LocalCatalogue>(
        &mut self,
        context: &Arc<SyncContext<L>>,
        key: TransferKey,
        step: Step,
        existed: bool,
    ) {
        let cancelled = CancellationToken::new();
        let running = (step.clone(), cancelled.clone());
        self.running.insert(key, running);
        let context = Arc::clone(context);
        self.tasks.spawn(async move {
            let result = apply_transfer(&context, &step, existed, cancelled).await;
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
        for (_, cancelled) in self.running.values() {
            cancelled.cancel();
        }
    }
}

/// Applies the step of a transfer once it has a permit.
async fn apply_transfer<L: LocalCatalogue>(
    context: &SyncContext<L>,
    step: &Step,
    existed: bool,
    cancelled: CancellationToken,
) -> Result<(), Error> {
    let size = step.image().map_or(0, |image| image.size);
    let _permit = tokio::select! {
        biased;
        () = cancelled.cancelled() => return Err(aar_client::Error::Cancelled.into()),
        permit = context.transfer_permits(size).acquire() => permit,
    };
    context.transfer_step(step, existed, &cancelled).await
}

fn transfer_key(step: &Step) -> Option<TransferKey> {
    let image = step.image()?;
    Some((step.application.clone(), step.version()?, image.fingerprint))
}

impl<L: LocalCatalogue> SyncContext<L> {
    /// Sends a change to the registry, with the present values, if this AMS still justifies it.
    pub(crate) async fn commit(
        &self,
        name: &ApplicationName,
        planned: &Action,
    ) -> Result<(), Error> {
        let _lock = self.catalogue.lock(name).await;
        let local = self.catalogue.application(name).await?;
        let action = still_justified(local.as_ref(), planned);
        self.send(name, action.ok_or(Error::Superseded)?).await
    }

    async fn send(&self, name: &ApplicationName, action: Action) -> Result<(), Error> {
        let (client, architecture) = (&self.client, self.catalogue.architecture());
        match action {
            Action::PushMetadata(metadata) => {
                client.put_application(name, architecture, &metadata).await
            }
            Action::PushPublished(number, published) => {
                let set = client.set_published(name, architecture, number, published);
                set.await
            }
            Action::PushVersion(number, put) => {
                let put = client.put_version(name, architecture, number, &put);
                put.await.map(drop)
            }
            Action::UpdateMetadata(_)
            | Action::SetPublished(..)
            | Action::Import { .. }
            | Action::RemoveVersion(_)
            | Action::RemoveApplication => Ok(()),
        }?;
        Ok(())
    }

    /// Makes a downloaded version usable if the registry still offers it, and if the application was
    /// not deleted here since it was planned. `existed` says whether it was here then.
    pub(crate) async fn commit_import(
        &self,
        name: &ApplicationName,
        planned: &Version,
        image: &Path,
        existed: bool,
    ) -> Result<(), Error> {
        let _lock = self.catalogue.lock(name).await;
        if existed && self.catalogue.application(name).await?.is_none() {
            return Err(Error::DeletedHere(name.clone()));
        }
        let architecture = self.catalogue.architecture();
        let offered = self.client.application(name).await?;
        let mut variants = offered.into_iter().flat_map(|it| it.variants);
        let variant = variants.find(|it| it.architecture == architecture);
        let found = variant.and_then(|variant| {
            let mut versions = variant.versions.into_iter();
            let version = versions.find(|it| is_offered(it, planned))?;
            Some((variant.metadata, version))
        });
        let (metadata, version) =
            found.ok_or_else(|| Error::NoLongerOffered(name.clone(), planned.number))?;
        metadata.check()?;
        version.manifest.check()?;
        let import = self.catalogue.import(name, &metadata, &version, image);
        Ok(import.await?)
    }
}

fn is_offered(version: &Version, planned: &Version) -> bool {
    version.number == planned.number && version.published && version.image == planned.image
}
