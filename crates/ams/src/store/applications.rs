use std::collections::BTreeMap;

use aar_types::{ApplicationMetadata, ApplicationName, ImageInfo, VersionManifest, VersionNumber};
use sqlx::{FromRow, types::Json};

use super::{Store, Writer, corrupt, versions::VersionRow};
use crate::{
    Error,
    applications::{
        ApplicationId,
        guard::{Change, Remove},
    },
};

/// Where an application comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Made here.
    Local,
    /// Pulled from the registry.
    Imported,
}

/// An application with its versions.
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
    /// Versions that were cleaned up: their images are gone, and nobody is shown them.
    pub(crate) retired: Vec<StoredVersion>,
}

impl StoredApplication {
    /// The newest version that can be used.
    pub(crate) fn newest_ready(&self) -> Option<(&StoredVersion, ImageInfo)> {
        let mut newest_first = self.versions.iter().rev();
        newest_first.find_map(|version| Some((version, version.image()?)))
    }

    pub(crate) fn version(&self, number: VersionNumber) -> Option<&StoredVersion> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    /// The version, or the refusal that names it.
    pub(crate) fn expect_version(&self, number: VersionNumber) -> Result<&StoredVersion, Error> {
        self.version(number).ok_or_else(|| Error::VersionNotFound {
            application: self.name.clone(),
            number,
        })
    }
}

/// A version of an application.
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
    /// The image, where there is one.
    pub(crate) fn image(&self) -> Option<ImageInfo> {
        match self.state {
            VersionState::Ready(image) => Some(image),
            VersionState::Initializing | VersionState::Failed(_) => None,
        }
    }
}

/// How far a version has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionState {
    /// Its image is being made.
    Initializing,
    /// It can be used.
    Ready(ImageInfo),
    /// Its image could not be made, for this reason.
    Failed(String),
}

/// An application that is about to be made here.
#[derive(Debug)]
pub(crate) struct NewApplication {
    pub(crate) id: ApplicationId,
    pub(crate) name: ApplicationName,
    pub(crate) metadata: ApplicationMetadata,
    pub(crate) created_at: i64,
}

#[derive(FromRow)]
struct ApplicationRow {
    id: String,
    name: String,
    origin: Origin,
    metadata: Json<ApplicationMetadata>,
    created_at: i64,
}

impl ApplicationRow {
    fn read(self, versions: Vec<VersionRow>) -> Result<StoredApplication, Error> {
        let (retired, versions): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|version| version.retired);
        let read = |rows: Vec<VersionRow>| -> Result<Vec<_>, Error> {
            rows.into_iter().map(VersionRow::read).collect()
        };
        Ok(StoredApplication {
            id: ApplicationId::stored(self.id),
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

const SELECT_NAMED: &str =
    "SELECT id, name, origin, metadata, created_at FROM applications WHERE name = ?1";
const SELECT_ONE: &str = "SELECT id, name, origin, metadata, created_at FROM applications
     WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1";

impl Store {
    /// All applications, ordered by name.
    pub(crate) async fn applications(&self) -> Result<Vec<StoredApplication>, Error> {
        let mut reader = self.readers.begin().await?;
        let rows: Vec<ApplicationRow> = sqlx::query_as(
            "SELECT id, name, origin, metadata, created_at FROM applications ORDER BY name",
        )
        .fetch_all(&mut *reader)
        .await?;
        let mut versions = all_versions(&mut reader).await?;
        rows.into_iter()
            .map(|row| {
                let own = versions.remove(&row.id).unwrap_or_default();
                row.read(own)
            })
            .collect()
    }

    /// How many applications there are.
    pub(crate) async fn count_applications(&self) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM applications")
            .fetch_one(&self.readers)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The application with this id or, failing that, with this name.
    pub(crate) async fn application(
        &self,
        id_or_name: &str,
    ) -> Result<Option<StoredApplication>, Error> {
        let mut reader = self.readers.begin().await?;
        find(&mut reader, id_or_name).await
    }

    /// The application with exactly this name.
    pub(crate) async fn application_named(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<StoredApplication>, Error> {
        let mut reader = self.readers.begin().await?;
        find_named(&mut reader, name).await
    }

    /// Replaces what holds for all versions.
    pub(crate) async fn set_metadata(
        &self,
        permit: &impl Change,
        metadata: &ApplicationMetadata,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        update_metadata(&mut tx, permit, metadata).await?;
        Ok(tx.commit().await?)
    }

    /// Removes an application with all versions. Their images are free afterwards.
    pub(crate) async fn remove_application(&self, permit: &impl Remove) -> Result<bool, Error> {
        let done = sqlx::query("DELETE FROM applications WHERE id = ?1")
            .bind(permit.id().as_str())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

/// An application that cannot be meant by an id.
pub(super) async fn find_named(
    connection: &mut Writer,
    name: &ApplicationName,
) -> Result<Option<StoredApplication>, Error> {
    let row = sqlx::query_as(SELECT_NAMED)
        .bind(name.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    with_versions(connection, row).await
}

async fn find(
    connection: &mut Writer,
    id_or_name: &str,
) -> Result<Option<StoredApplication>, Error> {
    let row = sqlx::query_as(SELECT_ONE)
        .bind(id_or_name)
        .fetch_optional(&mut *connection)
        .await?;
    with_versions(connection, row).await
}

async fn with_versions(
    connection: &mut Writer,
    row: Option<ApplicationRow>,
) -> Result<Option<StoredApplication>, Error> {
    let Some(row) = row else { return Ok(None) };
    let versions: Vec<VersionRow> =
        sqlx::query_as("SELECT * FROM versions WHERE application_id = ?1 ORDER BY number")
            .bind(&row.id)
            .fetch_all(connection)
            .await?;
    row.read(versions).map(Some)
}

pub(super) async fn insert(
    connection: &mut Writer,
    new: &NewApplication,
    origin: Origin,
) -> Result<(), Error> {
    let inserted = sqlx::query(
        "INSERT INTO applications (id, name, origin, metadata, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING",
    )
    .bind(new.id.as_str())
    .bind(new.name.as_str())
    .bind(origin)
    .bind(Json(&new.metadata))
    .bind(new.created_at)
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(Error::ApplicationExists(new.name.clone()));
    }
    Ok(())
}

/// What holds for all versions at present.
pub(super) async fn metadata_of(
    connection: &mut Writer,
    permit: &impl Change,
) -> Result<ApplicationMetadata, Error> {
    let metadata: Option<Json<ApplicationMetadata>> =
        sqlx::query_scalar("SELECT metadata FROM applications WHERE id = ?1")
            .bind(permit.id().as_str())
            .fetch_optional(connection)
            .await?;
    let missing = || Error::ApplicationNotFound(permit.id().to_string());
    Ok(metadata.ok_or_else(missing)?.0)
}

pub(super) async fn update_metadata(
    connection: &mut Writer,
    permit: &impl Change,
    metadata: &ApplicationMetadata,
) -> Result<(), Error> {
    let done = sqlx::query("UPDATE applications SET metadata = ?2 WHERE id = ?1")
        .bind(permit.id().as_str())
        .bind(Json(metadata))
        .execute(connection)
        .await?;
    if done.rows_affected() == 0 {
        return Err(Error::ApplicationNotFound(permit.id().to_string()));
    }
    Ok(())
}

async fn all_versions(connection: &mut Writer) -> Result<BTreeMap<String, Vec<VersionRow>>, Error> {
    let rows: Vec<VersionRow> =
        sqlx::query_as("SELECT * FROM versions ORDER BY application_id, number")
            .fetch_all(connection)
            .await?;
    let mut grouped: BTreeMap<String, Vec<VersionRow>> = BTreeMap::new();
    for row in rows {
        let application = row.application_id.clone();
        grouped.entry(application).or_default().push(row);
    }
    Ok(grouped)
}
