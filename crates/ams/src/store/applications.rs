use std::collections::BTreeMap;

use aar_types::{ApplicationMetadata, ApplicationName};
use sqlx::{SqliteConnection, types::Json};

use super::{
    AllowsChange, AllowsDelete, NewApplication, Origin, Store, StoredApplication,
    rows::{ApplicationRow, VersionRow},
};
use crate::Error;

const SELECT_BY_NAME: &str =
    "SELECT id, name, origin, metadata, created_at FROM applications WHERE name = ?1";
const SELECT_BY_ID_OR_NAME: &str = "SELECT id, name, origin, metadata, created_at FROM applications
     WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1";

impl Store {
    /// All applications, ordered by name.
    pub(crate) async fn applications(&self) -> Result<Vec<StoredApplication>, Error> {
        let mut reader = self.read().await?;
        let rows: Vec<ApplicationRow> = sqlx::query_as(
            "SELECT id, name, origin, metadata, created_at FROM applications ORDER BY name",
        )
        .fetch_all(&mut *reader)
        .await?;
        let mut versions = versions_by_application(&mut reader).await?;
        rows.into_iter()
            .map(|row| {
                let own = versions.remove(&row.id).unwrap_or_default();
                row.read(own)
            })
            .collect()
    }

    pub(crate) async fn count_applications(&self) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM applications")
            .fetch_one(self.readers())
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The application with this id or, failing that, with this name.
    pub(crate) async fn application(
        &self,
        id_or_name: &str,
    ) -> Result<Option<StoredApplication>, Error> {
        let mut reader = self.read().await?;
        find(&mut reader, SELECT_BY_ID_OR_NAME, id_or_name).await
    }

    /// The application with this name, never one whose id is spelled the same.
    pub(crate) async fn application_named(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<StoredApplication>, Error> {
        let mut reader = self.read().await?;
        find_named(&mut reader, name).await
    }

    pub(crate) async fn set_metadata(
        &self,
        permit: &impl AllowsChange,
        metadata: &ApplicationMetadata,
    ) -> Result<(), Error> {
        let mut tx = self.write().await?;
        update_metadata(&mut tx, permit, metadata).await?;
        Ok(tx.commit().await?)
    }

    /// Removes an application with all its versions. Removing their images is up to the caller.
    pub(crate) async fn remove_application(
        &self,
        permit: &impl AllowsDelete,
    ) -> Result<bool, Error> {
        let statement =
            sqlx::query("DELETE FROM applications WHERE id = ?1").bind(permit.id().as_str());
        Ok(self.execute_from_reserve(statement).await? > 0)
    }
}

pub(super) async fn find_named(
    connection: &mut SqliteConnection,
    name: &ApplicationName,
) -> Result<Option<StoredApplication>, Error> {
    find(connection, SELECT_BY_NAME, name.as_str()).await
}

async fn find(
    connection: &mut SqliteConnection,
    select: &'static str,
    key: &str,
) -> Result<Option<StoredApplication>, Error> {
    let row: Option<ApplicationRow> = sqlx::query_as(select)
        .bind(key)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let versions: Vec<VersionRow> =
        sqlx::query_as("SELECT * FROM versions WHERE application_id = ?1 ORDER BY number")
            .bind(&row.id)
            .fetch_all(connection)
            .await?;
    row.read(versions).map(Some)
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
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

pub(super) async fn metadata_of(
    connection: &mut SqliteConnection,
    permit: &impl AllowsChange,
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
    connection: &mut SqliteConnection,
    permit: &impl AllowsChange,
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

async fn versions_by_application(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<String, Vec<VersionRow>>, Error> {
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
