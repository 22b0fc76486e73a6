use aar_types::{
    ApplicationMetadata, ApplicationName, Digest, ImageInfo, VersionManifest, VersionNumber,
};

use super::ApplicationId;
use crate::Error;

/// Where an application comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Created here.
    Local,
    /// Pulled from the registry.
    Imported,
}

#[derive(Debug, Clone)]
pub(crate) struct StoredApplication {
    pub(crate) id: ApplicationId,
    pub(crate) name: ApplicationName,
    pub(crate) origin: Origin,
    pub(crate) metadata: ApplicationMetadata,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
    /// Ordered by number.
    pub(crate) versions: Vec<StoredVersion>,
    /// Versions that newer published ones replaced: their images are removed, and the API does not
    /// show them.
    pub(crate) retired: Vec<StoredVersion>,
}

impl StoredApplication {
    pub(crate) fn image_digests(&self) -> Vec<Digest> {
        let images = self.versions.iter().filter_map(StoredVersion::image);
        images.map(|image| image.digest).collect()
    }

    pub(crate) fn newest_ready(&self) -> Option<(&StoredVersion, ImageInfo)> {
        let mut newest_first = self.versions.iter().rev();
        newest_first.find_map(|version| Some((version, version.image()?)))
    }

    pub(crate) fn version(&self, number: VersionNumber) -> Option<&StoredVersion> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    pub(crate) fn expect_version(&self, number: VersionNumber) -> Result<&StoredVersion, Error> {
        self.version(number).ok_or_else(|| Error::VersionNotFound {
            application: self.name.clone(),
            number,
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct StoredVersion {
    pub(crate) number: VersionNumber,
    pub(crate) state: VersionState,
    pub(crate) published: bool,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
    pub(crate) manifest: VersionManifest,
}

impl StoredVersion {
    /// The image of a ready version.
    pub(crate) fn image(&self) -> Option<ImageInfo> {
        match self.state {
            VersionState::Ready(image) => Some(image),
            VersionState::Initializing | VersionState::Failed(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionState {
    /// Its image is being built.
    Initializing,
    Ready(ImageInfo),
    /// The build of its image failed for this reason.
    Failed(String),
}

/// An application that is about to be created here or imported.
#[derive(Debug)]
pub(crate) struct NewApplication {
    pub(crate) id: ApplicationId,
    pub(crate) name: ApplicationName,
    pub(crate) metadata: ApplicationMetadata,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
}

#[derive(Debug)]
pub(crate) struct NewVersion<'a> {
    pub(crate) manifest: &'a VersionManifest,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
}

/// A built version whose image is durable.
#[derive(Debug)]
pub(crate) struct ReadyVersion {
    pub(crate) number: VersionNumber,
    pub(crate) image: ImageInfo,
    /// The metadata in the package. It replaces that of the application, unless a newer version is
    /// ready already.
    pub(crate) metadata: Option<ApplicationMetadata>,
    /// Publish the version, and keep at most this many published versions.
    pub(crate) publish: Option<u32>,
}
