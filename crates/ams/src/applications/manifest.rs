use aar_package::Manifest;
use aar_types::{Digest, VersionNumber};
use sha2::{Digest as _, Sha256};

use super::Applications;
use crate::{
    Error,
    store::{StoredApplication, StoredVersion},
};

/// The manifest of a version as a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// YAML.
    pub text: String,
    /// The SHA-256 of the text.
    pub sha256: Digest,
}

impl Applications {
    /// The manifest of a version, or of the newest one, with all changes that were made after its
    /// package was uploaded.
    pub async fn manifest(
        &self,
        id_or_name: &str,
        number: Option<VersionNumber>,
    ) -> Result<ManifestFile, Error> {
        let application = self.expect(id_or_name).await?;
        let version = match number {
            Some(number) => application.expect_version(number)?,
            None => newest(&application)?,
        };
        let text = manifest_of(&application, version).to_yaml();
        let sha256 = Digest::from_bytes(Sha256::digest(&text).into());
        Ok(ManifestFile { text, sha256 })
    }
}

/// The newest ready version, else the newest one.
fn newest(application: &StoredApplication) -> Result<&StoredVersion, Error> {
    let ready = application.newest_ready().map(|(version, _)| version);
    let any = || application.versions.last();
    ready.or_else(any).ok_or_else(|| Error::VersionNotFound {
        application: application.name.clone(),
        number: VersionNumber(0),
    })
}

/// The manifest of a package that would produce the version as it is now.
pub(super) fn manifest_of(application: &StoredApplication, version: &StoredVersion) -> Manifest {
    Manifest {
        name: application.name.clone(),
        application: application.metadata.clone(),
        version: version.manifest.clone(),
    }
}
