//! Rows of the database and the types they are read into.

use aar_types::{ApplicationMetadata, ImageInfo, VersionManifest, VersionNumber};
use sqlx::{FromRow, types::Json};

use super::{ApplicationId, Origin, StoredApplication, StoredVersion, VersionState};
use crate::Error;

#[derive(FromRow)]
pub(super) struct ApplicationRow {
    pub(super) id: String,
    name: String,
    origin: Origin,
    metadata: Json<ApplicationMetadata>,
    created_at: i64,
}

impl ApplicationRow {
    pub(super) fn read(self, versions: Vec<VersionRow>) -> Result<StoredApplication, Error> {
        let (retired, versions): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|version| version.retired);
        let read = |rows: Vec<VersionRow>| -> Result<Vec<_>, Error> {
            rows.into_iter().map(VersionRow::read).collect()
        };
        Ok(StoredApplication {
            id: ApplicationId::from_column(self.id),
            name: self
                .name
                .parse()
                .map_err(|e| corrupt("application name", &e))?,
            origin: self.origin,
            metadata: self.metadata.0,
            created_at: self.created_at,
            versions: read(versions)?,
            retired: read(retired)?,
        })
    }
}

#[derive(FromRow)]
pub(super) struct VersionRow {
    pub(super) application_id: String,
    number: u32,
    status: String,
    error: String,
    published: bool,
    retired: bool,
    manifest: Json<VersionManifest>,
    fingerprint: Option<String>,
    digest: Option<String>,
    size: Option<i64>,
    created_at: i64,
}

impl VersionRow {
    fn read(self) -> Result<StoredVersion, Error> {
        Ok(StoredVersion {
            number: VersionNumber(self.number),
            state: self.state()?,
            published: self.published,
            created_at: self.created_at,
            manifest: self.manifest.0,
        })
    }

    fn state(&self) -> Result<VersionState, Error> {
        match self.status.as_str() {
            "initializing" => Ok(VersionState::Initializing),
            "error" => Ok(VersionState::Failed(self.error.clone())),
            _ => self.image().map(VersionState::Ready),
        }
    }

    fn image(&self) -> Result<ImageInfo, Error> {
        let fingerprint = self.fingerprint.as_deref().unwrap_or_default();
        let digest = self.digest.as_deref().unwrap_or_default();
        let size = self.size.unwrap_or_default();
        Ok(ImageInfo {
            fingerprint: fingerprint
                .parse()
                .map_err(|e| corrupt("fingerprint", &e))?,
            digest: digest.parse().map_err(|e| corrupt("digest", &e))?,
            size: size.try_into().map_err(|e| corrupt("size", &e))?,
        })
    }
}

/// SQLite has no unsigned integers.
pub(super) fn size_column(image: &ImageInfo) -> Result<i64, Error> {
    i64::try_from(image.size).map_err(|e| corrupt("size", &e))
}

/// A value in the database that its type cannot represent.
pub(super) fn corrupt(column: &str, error: &impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("an invalid {column}: {error}"))
}
