use std::{error, fmt, io};

use aar_types::{ApplicationName, Architecture, VersionNumber};
use sqlx::error::DatabaseError;

/// What can go wrong in AMS. Every message says what is affected; the cause follows as the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No application has this id or name.
    #[error("there is no application {0:?}")]
    ApplicationNotFound(String),
    /// The application was there when the request came, and is not any more.
    #[error("application {0} is gone: it was not created after all, or has been deleted meanwhile")]
    ApplicationGone(ApplicationName),
    /// The application has no such version.
    #[error("application {application} has no version {number}")]
    VersionNotFound {
        /// The application.
        application: ApplicationName,
        /// The number that was asked for.
        number: VersionNumber,
    },
    /// No certificate of the trust store begins like this.
    #[error("there is no certificate with the fingerprint {0}")]
    CertificateNotFound(String),
    /// Several certificates of the trust store begin like this.
    #[error("several certificates begin with {0}: give more digits")]
    CertificateAmbiguous(String),
    /// The certificate is in the trust store.
    #[error("certificate {0} already exists")]
    CertificateExists(aar_types::Fingerprint),
    /// The trust password is wrong, or none is set.
    #[error("the trust password is not correct")]
    WrongTrustPassword,
    /// Another application has the name.
    #[error("an application with the name {0} already exists")]
    ApplicationExists(ApplicationName),
    /// The application came from the registry.
    #[error("application {0} is immutable: it came from the registry and changes only there")]
    Immutable(ApplicationName),
    /// The application was made here, so the registry has no say in it.
    #[error("application {0} was made here: the registry does not touch it")]
    MadeHere(ApplicationName),
    /// The version cannot be used (yet).
    #[error("version {number} of {application} is not ready: it is {status}")]
    NotReady {
        /// The application.
        application: ApplicationName,
        /// The version.
        number: VersionNumber,
        /// What it is instead.
        status: &'static str,
    },
    /// There is no version that a new one could be made from.
    #[error("application {0} has no ready version to start from: update it with a package instead")]
    NothingToStartFrom(ApplicationName),
    /// The package of an update is that of another application.
    #[error("the package is of application {found}, not of {expected}")]
    OtherApplication {
        /// The application that was to be updated.
        expected: ApplicationName,
        /// The name in the manifest.
        found: ApplicationName,
    },
    /// What arrived is not what was announced.
    #[error("the package does not have the announced fingerprint {announced}: it has {found}")]
    FingerprintMismatch {
        /// What the sender announced.
        announced: aar_types::Digest,
        /// What arrived.
        found: aar_types::Digest,
    },
    /// A value that a request asks for is not allowed.
    #[error("{field}: {reason}")]
    InvalidField {
        /// The field of the request.
        field: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// No configuration item has the name.
    #[error("there is no configuration item {0:?}")]
    UnknownConfigItem(String),
    /// The configuration item is shown only.
    #[error("the configuration item {0} is read only")]
    ReadOnlyConfigItem(&'static str),
    /// The value is not allowed for the configuration item.
    #[error("{value:?} is not allowed for {item}: it takes {allowed}")]
    InvalidConfigValue {
        /// The configuration item.
        item: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The registry is not configured well enough to be talked to.
    #[error("{0}")]
    RegistryNotConfigured(String),
    /// The registry has no application of this name for the architecture.
    #[error("the registry has no application {0} for {1}")]
    NotInRegistry(ApplicationName, Architecture),
    /// The mode of this AMS does not go with what was asked.
    #[error("{0}")]
    WrongMode(String),
    /// The registry answered with a refusal, badly, or not at all.
    #[error("the registry could not be used")]
    Registry(#[from] aar_client::Error),
    /// A round with the registry did not come to its end.
    #[error("{0}")]
    Round(String),
    /// The package or image cannot be used.
    #[error(transparent)]
    Package(aar_package::Error),
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] aar_tls::Error),
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The operation cannot be cancelled.
    #[error("operation {0} cannot be cancelled")]
    NotCancellable(uuid::Uuid),
    /// Too much is under way at once.
    #[error("{0}: try again later")]
    Busy(&'static str),
    /// Another process uses the folder, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] aar_daemon::lock::LockError),
    /// A setting is not usable.
    #[error("{0}")]
    Setting(String),
    /// There is no space left for what was to be written.
    #[error("AMS has no space left on its disk")]
    StorageFull(#[source] Box<dyn error::Error + Send + Sync>),
    /// The database failed.
    #[error("the database of AMS failed")]
    Store(#[source] sqlx::Error),
    /// The database could not be brought to the present form.
    #[error("the database of AMS could not be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row of the database cannot be read.
    #[error("the database of AMS holds {0}")]
    Corrupt(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(io::Error),
    /// A part of AMS stopped in the middle of the work.
    #[error("the work stopped unexpectedly")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Error {
    pub(crate) fn field(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::InvalidField {
            field: field.into(),
            reason: reason.to_string(),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::StorageFull(error.into())
            }
            _ => Self::Io(error),
        }
    }
}

impl From<aar_package::Error> for Error {
    fn from(error: aar_package::Error) -> Self {
        match error {
            aar_package::Error::Io(error) => error.into(),
            error => Self::Package(error),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // The outer error says again what the inner one says.
            sqlx::Error::Database(error) if is_full(&*error) => {
                Self::StorageFull(error.into_error())
            }
            error => Self::Store(error),
        }
    }
}

/// How SQLite reports a full disk: `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE` where not even the
/// index of its log has room.
fn is_full(error: &dyn DatabaseError) -> bool {
    let code = error.code();
    code.is_some_and(|code| matches!(&*code, "13" | "4874"))
}

/// An error with all its causes, in one line. What an error has said of its cause is not said again.
pub fn chain(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = inner.source();
    }
    text
}
