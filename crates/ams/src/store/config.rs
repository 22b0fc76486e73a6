use std::collections::BTreeMap;

use super::Store;
use crate::Error;

impl Store {
    /// The configuration items that do not have their defaults.
    pub(crate) async fn config(&self) -> Result<BTreeMap<String, String>, Error> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, value FROM config")
            .fetch_all(self.readers())
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// Sets a configuration item; `None` restores its default.
    pub(crate) async fn set_config(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let statement = match value {
            Some(value) => sqlx::query(
                "INSERT INTO config (name, value) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )
            .bind(name)
            .bind(value),
            None => sqlx::query("DELETE FROM config WHERE name = ?1").bind(name),
        };
        self.execute(statement).await?;
        Ok(())
    }
}
