use std::{
    future::Future,
    path::{Path, PathBuf},
};

use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Digest, ImageInfo, RegistryId, Revision,
    Version, VersionManifest, VersionNumber,
};

use crate::held::HeldRemovals;

/// The applications of the AMS that an agent keeps in sync with a registry.
///
/// Implementations write the methods as `async fn`. Every method that changes something is
/// idempotent: after a crash the agent repeats the call.
pub trait LocalCatalogue: Send + Sync + 'static {
    /// The right to change an application; dropping it ends the right.
    type Lock: Send;

    /// The architecture whose versions are pushed and pulled.
    fn architecture(&self) -> Architecture;

    /// All applications, local and imported. Each round reads it at least once, so it should be one
    /// query, not one for each application.
    fn applications(
        &self,
    ) -> impl Future<Output = Result<Vec<LocalApplication>, LocalError>> + Send;

    /// One application, local or imported.
    fn application(
        &self,
        name: &ApplicationName,
    ) -> impl Future<Output = Result<Option<LocalApplication>, LocalError>> + Send;

    /// Waits for the only right to change an application.
    ///
    /// The agent holds it from its last look at the application to the end of a change of the
    /// registry that follows from it, and during an import. Everything else that deletes, publishes,
    /// withdraws or changes an application has to take it, so that no change is sent that is no
    /// longer true.
    fn lock(&self, name: &ApplicationName) -> impl Future<Output = Self::Lock> + Send;

    /// The image of a local version, to be pushed.
    fn image_path(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> impl Future<Output = Result<PathBuf, LocalError>> + Send;

    /// The path to which an image is downloaded.
    ///
    /// The same content always has the same path, on the file system where it stays. A download in
    /// flight writes a file beside it, with the suffix `.partial`; the file has to survive a
    /// restart, so that the download is resumed.
    fn import_path(&self, image: &ImageInfo) -> PathBuf;

    /// Makes a version usable. Its image is complete, has the right digest and lies at the
    /// [import path](Self::import_path). Checks the fingerprint, then adds the version in one
    /// transaction; creates the application if necessary.
    ///
    /// Returns [`LocalError::BadImage`] for an image with another content: the agent deletes it
    /// unless another local version has the same one.
    fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        image_file: &Path,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// Deletes the partial files of all other images. Called at the end of a round.
    fn retain_partial_files(
        &self,
        _wanted: &[ImageInfo],
    ) -> impl Future<Output = Result<(), LocalError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Replaces the metadata of an imported application.
    fn update_metadata(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// Publishes or withdraws a version of an imported application.
    fn set_published(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        published: bool,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// Removes a version of an imported application, and its image if no other version has it.
    fn remove_version(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// Removes an imported application with all its versions.
    fn remove_application(
        &self,
        name: &ApplicationName,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// The registry from which the imported applications came.
    fn known_registry(
        &self,
    ) -> impl Future<Output = Result<Option<KnownRegistry>, LocalError>> + Send;

    /// Stores the registry for [`known_registry`](Self::known_registry) in one transaction. It has
    /// to survive a restart: held removals stay held until an operator confirms them.
    fn remember_registry(
        &self,
        registry: &KnownRegistry,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// The URL of the unfinished upload of a content.
    fn upload_session(
        &self,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<String>, LocalError>> + Send;

    /// Stores the URL of an upload for [`upload_session`](Self::upload_session); `None` deletes it.
    fn remember_upload(
        &self,
        digest: &Digest,
        address: Option<&str>,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalApplication {
    pub name: ApplicationName,
    pub origin: Origin,
    pub metadata: ApplicationMetadata,
    /// In any order, without versions that are still being built.
    pub versions: Vec<LocalVersion>,
    /// Whether a version is being built.
    pub building: bool,
}

/// Decides who may change an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Created on this AMS. It is pushed, and never changed by a registry.
    Local,
    /// Pulled from a registry. It follows the registry and is never pushed.
    Imported,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalVersion {
    pub number: VersionNumber,
    pub published: bool,
    pub manifest: VersionManifest,
    pub image: ImageInfo,
    /// Whether it is usable: its image is complete and verified.
    pub ready: bool,
    /// Whether it was cleaned up: its image is deleted, and the registry has to withdraw it.
    pub retired: bool,
}

/// The registry from which the imported applications came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRegistry {
    pub id: RegistryId,
    /// The revision of the catalogue that was last followed.
    pub revision: Revision,
    pub held: Option<HeldRemovals>,
}

#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("the image does not hold what its version declares: {0}")]
    BadImage(String),
    /// The round continues, and the next one retries.
    #[error("there is no space left on the volume of the images")]
    NoSpace,
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl LocalError {
    pub fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}
