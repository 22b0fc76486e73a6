//! The local side of the agent: what is here, and the door through which the registry changes it.

use std::path::{Path, PathBuf};

use aar_package::verify_content;
use aar_sync::{
    KnownRegistry, LocalApplication, LocalCatalogue, LocalError, LocalVersion, Origin as From,
};
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Digest, ImageInfo, Version, VersionNumber,
};

use crate::{
    Error,
    applications::address,
    images::Images,
    services::Services,
    store::{
        ApplicationId, Origin, RegistryPermit, StoredApplication, StoredVersion, VersionState,
    },
};

/// The applications of this AMS, as the registry agent sees and changes them.
#[derive(Debug)]
pub(crate) struct Catalogue(Services);

impl LocalCatalogue for Catalogue {
    fn architecture(&self) -> Architecture {
        self.0.architecture
    }

    async fn applications(&self) -> Result<Vec<LocalApplication>, LocalError> {
        let stored = self.0.store.applications().await.map_err(local)?;
        let images = self.0.images.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let local = stored.into_iter().map(|it| local_application(it, &images));
            local.collect()
        });
        looked.await.map_err(LocalError::failed)
    }

    async fn image_path(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<PathBuf, LocalError> {
        let missing = || Error::VersionNotFound {
            application: name.clone(),
            number,
        };
        let application = self.find(name).await?.ok_or_else(|| local(missing()))?;
        let image = application.version(number).and_then(StoredVersion::image);
        let image = image.ok_or_else(|| local(missing()))?;
        Ok(self.0.images.path(&image.digest))
    }

    fn import_path(&self, image: &ImageInfo) -> PathBuf {
        // Whoever writes there says why it cannot, if it cannot.
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
        let replaced = self.replaced_by(name, version).await?;
        let id = self
            .show(name, metadata, version, image_file)
            .await
            .map_err(local)?;
        if replaced.is_none() {
            self.0.arrivals.note(version);
        }
        self.0.images.remove_unused(replaced).await;
        self.tell("application-version-imported", &id);
        Ok(())
    }

    async fn retain_partial_files(&self, wanted: &[ImageInfo]) -> Result<(), LocalError> {
        let wanted = wanted.iter().map(|image| image.digest).collect();
        self.0.images.retain_partials(wanted).await.map_err(local)
    }

    async fn update_metadata(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
    ) -> Result<(), LocalError> {
        let Some((permit, application)) = self.door(name).await? else {
            return Ok(());
        };
        self.0
            .store
            .set_metadata(&permit, metadata)
            .await
            .map_err(local)?;
        self.tell("application-updated", &application.id);
        Ok(())
    }

    async fn set_published(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), LocalError> {
        let Some((permit, application)) = self.door(name).await? else {
            return Ok(());
        };
        let written = self.0.store.set_published(&permit, number, published).await;
        written.map_err(local)?;
        self.tell("application-updated", &application.id);
        Ok(())
    }

    async fn remove_version(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> Result<(), LocalError> {
        let Some((permit, application)) = self.door(name).await? else {
            return Ok(());
        };
        let image = application.version(number).and_then(StoredVersion::image);
        self.0
            .store
            .remove_version(&permit, number)
            .await
            .map_err(local)?;
        self.0
            .images
            .remove_unused(image.map(|image| image.digest))
            .await;
        self.tell("application-version-deleted", &application.id);
        Ok(())
    }

    async fn remove_application(&self, name: &ApplicationName) -> Result<(), LocalError> {
        let Some((permit, application)) = self.door(name).await? else {
            return Ok(());
        };
        self.0
            .store
            .remove_application(&permit)
            .await
            .map_err(local)?;
        self.0
            .images
            .remove_unused(application.image_digests())
            .await;
        self.tell("application-deleted", &application.id);
        Ok(())
    }

    async fn known_registry(&self) -> Result<Option<KnownRegistry>, LocalError> {
        self.0.store.known_registry().await.map_err(local)
    }

    async fn remember_registry(&self, registry: &KnownRegistry) -> Result<(), LocalError> {
        self.0
            .store
            .remember_registry(registry)
            .await
            .map_err(local)
    }

    async fn upload_session(&self, digest: &Digest) -> Result<Option<String>, LocalError> {
        self.0.store.upload_session(digest).await.map_err(local)
    }

    async fn remember_upload(
        &self,
        digest: &Digest,
        address: Option<&str>,
    ) -> Result<(), LocalError> {
        self.0
            .store
            .remember_upload(digest, address)
            .await
            .map_err(local)
    }
}

impl Catalogue {
    pub(crate) fn new(base: Services) -> Self {
        Self(base)
    }

    /// The image in place and the row that shows it, with nobody cleaning up in between.
    async fn show(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        image_file: &Path,
    ) -> Result<ApplicationId, Error> {
        let _alone = self.0.images.lock().await;
        self.0
            .images
            .place(image_file, version.image.digest)
            .await?;
        let now = self.0.clock.now().as_second();
        self.0.store.import(name, metadata, version, now).await
    }

    /// The image that an import takes the place of.
    async fn replaced_by(
        &self,
        name: &ApplicationName,
        version: &Version,
    ) -> Result<Option<Digest>, LocalError> {
        let application = self.find(name).await?;
        let stored = application
            .as_ref()
            .and_then(|it| it.version(version.number));
        Ok(stored
            .and_then(StoredVersion::image)
            .map(|image| image.digest))
    }

    /// The permit to change an imported application, where it is there.
    async fn door(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<(RegistryPermit, StoredApplication)>, LocalError> {
        let Some(application) = self.find(name).await? else {
            return Ok(None);
        };
        let permit = application.registry_permit().map_err(local)?;
        Ok(Some((permit, application)))
    }

    /// The application with exactly this name; an id that looks the same is not meant.
    async fn find(&self, name: &ApplicationName) -> Result<Option<StoredApplication>, LocalError> {
        let found = self.0.store.application_named(name).await.map_err(local)?;
        Ok(found)
    }

    fn tell(&self, action: &str, id: &ApplicationId) {
        self.0.events.lifecycle(action, address(id));
    }
}

async fn verify(path: PathBuf, expected: ImageInfo) -> Result<(), LocalError> {
    let verified = tokio::task::spawn_blocking(move || verify_content(&path, &expected));
    match verified.await.map_err(LocalError::failed)? {
        Ok(()) => Ok(()),
        Err(aar_package::Error::Io(error)) => Err(local(error.into())),
        Err(bad) => Err(LocalError::BadImage(bad.to_string())),
    }
}

/// An application without the versions that have no image. What was cleaned up counts as unpublished,
/// so that the registry withdraws it.
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
            Origin::Local => From::Local,
            Origin::Imported => From::Imported,
        },
        metadata: stored.metadata,
        versions: versions.chain(retired).collect(),
        building,
    }
}

/// A version whose file went missing is not ready: pulling it again heals it.
fn local_version(stored: StoredVersion, images: &Images) -> Option<LocalVersion> {
    let image = stored.image()?;
    let file = fs_err::metadata(images.path(&image.digest));
    let ready = file.is_ok_and(|file| file.len() == image.size);
    Some(as_local(stored, image, ready))
}

/// Nothing but withdrawing is left to be done about it, for which no file is needed.
fn retired_version(stored: StoredVersion) -> Option<LocalVersion> {
    let image = stored.image()?;
    Some(LocalVersion {
        retired: true,
        ..as_local(stored, image, true)
    })
}

fn as_local(stored: StoredVersion, image: ImageInfo, ready: bool) -> LocalVersion {
    LocalVersion {
        number: stored.number,
        published: stored.published,
        manifest: stored.manifest,
        image,
        ready,
        retired: false,
    }
}

fn local(error: Error) -> LocalError {
    match error {
        Error::StorageFull(_) => LocalError::NoSpace,
        other => LocalError::failed(other),
    }
}

#[cfg(test)]
mod tests;
