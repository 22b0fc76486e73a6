use std::{
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use aar_registry::{DatabaseOptions, InvalidDatabaseUrl, Secret};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// The section `database`: a SQLite file, or a database of a PostgreSQL server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct DatabaseConfig {
    /// The SQLite file. Unused with `url`.
    pub path: PathBuf,
    /// The address of a PostgreSQL database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<DatabaseUrl>,
    /// The file with the password for the PostgreSQL database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The maximum number of connections to the PostgreSQL server.
    pub max_connections: NonZeroU32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("registry.sqlite"),
            url: None,
            password_file: None,
            max_connections: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
        }
    }
}

impl DatabaseConfig {
    pub(super) fn resolve(&mut self, base: &Path) {
        self.path = base.join(&self.path);
        if let Some(file) = &mut self.password_file {
            *file = base.join(&*file);
        }
    }

    /// The SQLite file; `None` with PostgreSQL.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.url.is_none().then_some(&*self.path)
    }

    /// Reads the password.
    pub(super) fn registry(&self) -> io::Result<DatabaseOptions> {
        let Some(DatabaseUrl(url)) = &self.url else {
            let path = self.path.clone();
            return Ok(DatabaseOptions::Sqlite { path });
        };
        let password = match &self.password_file {
            // Most editors end a file with a line break.
            Some(file) => Some(Secret::new(fs_err::read_to_string(file)?.trim_end())),
            None => None,
        };
        let options = DatabaseOptions::postgres(url, password.as_ref(), self.max_connections.get());
        options.map_err(io::Error::other)
    }
}

/// The address of a PostgreSQL database. Its password is not shown.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(String);

impl TryFrom<String> for DatabaseUrl {
    type Error = InvalidDatabaseUrl;

    fn try_from(url: String) -> Result<Self, InvalidDatabaseUrl> {
        DatabaseOptions::postgres(&url, None, 1)?;
        Ok(Self(url))
    }
}

impl DatabaseUrl {
    fn without_password(&self) -> String {
        let Ok(mut url) = Url::parse(&self.0) else {
            return "********".to_owned();
        };
        if url.password().is_some() {
            // Only an address without host cannot have one.
            let _masked = url.set_password(Some("********"));
        }
        let keys = url.query_pairs().map(|(key, value)| match &*key {
            "password" => (key, "********".into()),
            _ => (key, value),
        });
        let pairs: Vec<_> = keys
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        url.into()
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.without_password())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.without_password())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_of_a_database_address_is_not_shown() {
        for (written, shown) in [
            (
                "postgres://aar:hush@db.internal:6432/aar?sslmode=verify-full",
                "postgres://aar:********@db.internal:6432/aar?sslmode=verify-full",
            ),
            ("postgres://aar@db/aar", "postgres://aar@db/aar"),
            (
                "postgres://aar@db/aar?password=hush&sslmode=require",
                "postgres://aar@db/aar?password=********&sslmode=require",
            ),
        ] {
            let url = DatabaseUrl::try_from(written.to_owned()).unwrap();
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
            assert!(!format!("{url:?}").contains("hush"));
        }
    }

    #[test]
    fn invalid_database_address_is_refused_without_its_text() {
        for url in [
            "mysql://aar:hush@db/aar",
            "aar:hush@db",
            "postgres://aar:hush@db/aar?sslmode=perhaps",
            "postgres://aar:hush@db:port/aar",
        ] {
            let refused = DatabaseUrl::try_from(url.to_owned()).unwrap_err();
            let message = refused.to_string();
            assert!(message.contains("postgres://aar@db.internal"), "{message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }
}
