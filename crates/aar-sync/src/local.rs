use std::{future::Future, path::Path, path::PathBuf};

use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Digest, ImageInfo, RegistryId, Revision,
    Version, VersionManifest, VersionNumber,
};

use crate::Held;

/// What the agent needs of the place whose applications it keeps in step.
///
/// Implementations write the methods as `async fn`. Every method that changes something is
/// idempotent: after a crash the agent asks again for what it may have asked before.
pub trait LocalCatalogue: Send + Sync + 'static {
    /// The architecture whose versions are pushed and pulled.
    fn architecture(&self) -> Architecture;

    /// Every application, local and imported. It is read at least once a round, so it should be
    /// one query, not one for each application.
    fn applications(
        &self,
    ) -> impl Future<Output = Result<Vec<LocalApplication>, LocalError>> + Send;

    /// Where the image of a local version is, to be pushed from there.
    fn image_path(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
    ) -> impl Future<Output = Result<PathBuf, LocalError>> + Send;

    /// Where a pulled image is to be placed.
    ///
    /// The same content always has the same path, on the file system where it stays. While it is
    /// on its way there is a file beside it, with `.partial` at the end of its name; it has to
    /// survive a restart, so that the transfer goes on where it stopped.
    fn import_path(&self, image: &ImageInfo) -> PathBuf;

    /// Makes a version usable whose image lies, complete and with the right digest, at the
    /// [import path](Self::import_path): checks the fingerprint, then shows the version in one
    /// step. The application is created where there is none.
    ///
    /// An image that holds something else is [`LocalError::BadImage`]: the agent discards it, unless
    /// another version here has the same one.
    fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        image_file: &Path,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// A round is over; only these images may still be on their way. Partial files of others are
    /// of no more use and can go.
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

    /// Offers or withdraws a version of an imported application.
    fn set_published(
        &self,
        name: &ApplicationName,
        number: VersionNumber,
        published: bool,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// Removes a version of an imported application, and its image where nothing else needs it.
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

    /// The registry that the imported applications came from.
    fn known_registry(
        &self,
    ) -> impl Future<Output = Result<Option<KnownRegistry>, LocalError>> + Send;

    /// Keeps the registry for [`known_registry`](Self::known_registry), all of it in one step. It
    /// has to survive a restart: what is held back is held until somebody decides.
    fn remember_registry(
        &self,
        registry: &KnownRegistry,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// The address of an upload that was begun for the content and is not finished.
    fn upload_session(
        &self,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<String>, LocalError>> + Send;

    /// Keeps the address of an upload for [`upload_session`](Self::upload_session), or forgets it.
    fn remember_upload(
        &self,
        digest: &Digest,
        address: Option<&str>,
    ) -> impl Future<Output = Result<(), LocalError>> + Send;
}

/// An application as it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalApplication {
    /// Its name.
    pub name: ApplicationName,
    /// Where it came from.
    pub origin: Origin,
    /// What holds for all its versions.
    pub metadata: ApplicationMetadata,
    /// Its versions, in any order. One that is still being made is not among them.
    pub versions: Vec<LocalVersion>,
    /// Whether a version is still being made.
    pub building: bool,
}

/// Where an application came from, and with that, who may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Created here. It is pushed; what a registry says does not change it.
    Local,
    /// Pulled from a registry. It follows the registry and is never pushed.
    Imported,
}

/// A version as it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalVersion {
    /// Its number.
    pub number: VersionNumber,
    /// Whether it is offered.
    pub published: bool,
    /// What it declares.
    pub manifest: VersionManifest,
    /// Its content.
    pub image: ImageInfo,
    /// Whether it can be used: its image is complete and accepted.
    pub ready: bool,
    /// Whether it was cleaned up: its image is gone, and what is left is to withdraw it.
    pub retired: bool,
}

/// The registry that the imported applications came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRegistry {
    /// Its identity.
    pub id: RegistryId,
    /// The revision of the catalogue that was last followed.
    pub revision: Revision,
    /// What would be removed by its word, and is held back.
    pub held: Option<Held>,
}

/// Why the local catalogue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The image does not hold what its version declares.
    #[error("the image does not hold what its version declares: {0}")]
    BadImage(String),
    /// There is no space left; the round goes on and the next one tries again.
    #[error("there is no space left on the volume of the images")]
    NoSpace,
    /// The catalogue cannot or will not.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl LocalError {
    /// A failure of the catalogue, with the error that tells it.
    pub fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}
