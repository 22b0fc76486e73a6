//! The applications of this AMS, as the registry agent reads and changes them.

use std::path::{Path, PathBuf};

use aar_package::verify_content;
use aar_sync::{KnownRegistry, LocalApplication, LocalCatalogue, LocalError, LocalVersion};
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Digest, ImageInfo, Version, VersionNumber,
};

use crate::{
    Error,
    applications::address,
    images::Images,
    keyed_lock::Guard,
    services::Services,
    store::{
        ApplicationId, Origin, RegistryPermit, StoredApplication, StoredVersion, VersionState,
    },
};

#[derive(Debug)]
pub(crate) struct AgentCatalogue(Services);

impl LocalCatalogue for AgentCatalogue {
    type Lock = Guard;

    fn architecture(&self) -> Architecture {
        self.0.architecture
    }

    async fn applications(&self) -> Result<Vec<LocalApplication>, LocalError> {
        let stored = self.0.store.applications().await?;
        let images = self.0.images.clone();
        let read_files = tokio::task::spawn_blocking(move || {
            let local = stored.into_iter().map(|it| local_application(it, &images));
            local.collect()
        });
        read_files.await.map_err(LocalError::failed)
    }

    async fn application(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<LocalApplication>, LocalError> {
        let Some(stored) = self.0.store.application_named(name).await? else {
            return Ok(None);
        };
        let images = self.0.images.clone();
        let read_files = tokio::task::spawn_blocking(move || local_application(stored, &images));
        read_files.await.map(Some).map_err(LocalError::failed)
    }

    async fn lock(&self, name: &ApplicationName) -> Guard {
        self.0.lock_application(name).await
    }

    async fn image_path(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<PathBuf, LocalError> {
        let application = self.0.store.application_named(name).await?;
        let version = application.as_ref().and_then(|it| it.version(number));
        let image = version.and_then(StoredVersion::image);
        let image = image.ok_or_else(|| Error::VersionNotFound {
            application: name.clone(),
            number,
        })?;
        Ok(self.0.images.path(&image.digest))
    }

    fn import_path(&self, image: &ImageInfo) -> PathBuf {
        // If the folder cannot be created, the download reports the error.
        let prepared = self.0.images.prepare(&image.digest);
        prepared.unwrap_or_else(|_| self.0.images.path(&image.digest))
    }

    async fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        image_file: &Path,
    ) -> Result<(), LocalError> {
        verify(image_file.to_owned(), version.image).await?;
        let replaced = self.image_of(name, version.number).await?;
        let id = self.add(name, metadata, version, image_file).await?;
        if replaced.is_none() {
            self.0.arrivals.note(version);
        }
        self.0.images.remove_unused(replaced).await;
        self.notify("application-version-imported", &id);
        Ok(())
    }

    async fn retain_partial_files(&self, wanted: &[ImageInfo]) -> Result<(), LocalError> {
        let wanted = wanted.iter().map(|image| image.digest).collect();
        Ok(self.0.images.retain_partials(wanted).await?)
    }

    async fn update_metadata(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
    ) -> Result<(), LocalError> {
        if let Some((application, permit)) = self.permit(name).await? {
            self.0.store.set_metadata(&permit, metadata).await?;
            self.notify("application-updated", &application.id);
        }
        Ok(())
    }

    async fn set_published(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), LocalError> {
        if let Some((application, permit)) = self.permit(name).await? {
            let store = &self.0.store;
            store.set_published(&permit, number, published).await?;
            self.notify("application-updated", &application.id);
        }
        Ok(())
    }

    async fn remove_version(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<(), LocalError> {
        if let Some((application, permit)) = self.permit(name).await? {
            let image = application.version(number).and_then(StoredVersion::image);
            self.0.store.remove_version(&permit, number).await?;
            let digest = image.map(|image| image.digest);
            self.0.images.remove_unused(digest).await;
            self.notify("application-version-deleted", &application.id);
        }
        Ok(())
    }

    async fn remove_application(&self, name: &ApplicationName) -> Result<(), LocalError> {
        if let Some((application, permit)) = self.permit(name).await? {
            self.0.store.remove_application(&permit).await?;
            let digests = application.image_digests();
            self.0.images.remove_unused(digests).await;
            self.notify("application-deleted", &application.id);
        }
        Ok(())
    }

    async fn known_registry(&self) -> Result<Option<KnownRegistry>, LocalError> {
        Ok(self.0.store.known_registry().await?)
    }

    async fn remember_registry(&self, registry: &KnownRegistry) -> Result<(), LocalError> {
        Ok(self.0.store.remember_registry(registry).await?)
    }

    async fn upload_session(&self, digest: &Digest) -> Result<Option<String>, LocalError> {
        Ok(self.0.store.upload_session(digest).await?)
    }

    async fn remember_upload(
        &self,
        digest: &Digest,
        address: Option<&str>,
    ) -> Result<(), LocalError> {
        Ok(self.0.store.remember_upload(digest, address).await?)
    }
}

impl AgentCatalogue {
    pub(crate) fn new(services: Services) -> Self {
        Self(services)
    }

    /// Places the image and adds its row. The lock keeps the image from being reaped in between.
    async fn add(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        image_file: &Path,
    ) -> Result<ApplicationId, Error> {
        let _reaping = self.0.images.lock().await;
        let digest = version.image.digest;
        self.0.images.place(image_file, digest).await?;
        let now = self.0.clock.now().as_second();
        self.0.store.import(name, metadata, version, now).await
    }

    async fn image_of(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<Option<Digest>, Error> {
        let application = self.0.store.application_named(name).await?;
        let version = application.as_ref().and_then(|it| it.version(number));
        let image = version.and_then(StoredVersion::image);
        Ok(image.map(|image| image.digest))
    }

    /// An application with the permit to change it; `None` if it was removed.
    async fn permit(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<(StoredApplication, RegistryPermit)>, Error> {
        let Some(application) = self.0.store.application_named(name).await? else {
            return Ok(None);
        };
        let permit = application.registry_permit()?;
        Ok(Some((application, permit)))
    }

    fn notify(&self, action: &str, id: &ApplicationId) {
        self.0.events.lifecycle(action, address(id));
    }
}

async fn verify(path: PathBuf, expected: ImageInfo) -> Result<(), LocalError> {
    let verified = tokio::task::spawn_blocking(move || verify_content(&path, &expected));
    match verified.await.map_err(LocalError::failed)? {
        Ok(_) => Ok(()),
        Err(aar_package::Error::Io(error)) => Err(Error::from(error).into()),
        Err(bad) => Err(LocalError::BadImage(bad.to_string())),
    }
}

/// Leaves out versions without an image.
fn local_application(stored: StoredApplication, images: &Images) -> LocalApplication {
    let building = stored
        .versions
        .iter()
        .any(|version| matches!(version.state, VersionState::Initializing));
    let versions = stored.versions.into_iter();
    let versions = versions.filter_map(|it| local_version(it, images));
    let retired = stored.retired.into_iter().filter_map(retired_version);
    LocalApplication {
        name: stored.name,
        origin: match stored.origin {
            Origin::Local => aar_sync::Origin::Local,
            Origin::Imported => aar_sync::Origin::Imported,
        },
        metadata: stored.metadata,
        versions: versions.chain(retired).collect(),
        building,
    }
}

/// A version whose file is missing is not ready, so that the agent pulls it again.
fn local_version(stored: StoredVersion, images: &Images) -> Option<LocalVersion> {
    let image = stored.image()?;
    let file = fs_err::metadata(images.path(&image.digest));
    Some(LocalVersion {
        number: stored.number,
        published: stored.published,
        manifest: stored.manifest,
        image,
        ready: file.is_ok_and(|file| file.len() == image.size),
        retired: false,
    })
}

/// A retired version has no file; the registry has to withdraw it.
fn retired_version(stored: StoredVersion) -> Option<LocalVersion> {
    Some(LocalVersion {
        number: stored.number,
        published: stored.published,
        image: stored.image()?,
        manifest: stored.manifest,
        ready: true,
        retired: true,
    })
}

impl From<Error> for LocalError {
    fn from(error: Error) -> Self {
        match error {
            Error::StorageFull(_) => Self::NoSpace,
            other => Self::failed(other),
        }
    }
}

#[cfg(test)]
mod tests;
