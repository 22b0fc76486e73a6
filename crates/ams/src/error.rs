use std::{error, fmt, io};

use aar_sqlite::Failure;
use aar_types::{ApplicationName, Architecture, VersionNumber};

/// The errors of AMS. Messages name the affected resource; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no application {0:?}")]
    ApplicationNotFound(String),
    /// The application existed when the request was accepted.
    #[error("application {0} is gone: its creation failed, or it was deleted meanwhile")]
    ApplicationGone(ApplicationName),
    #[error("application {application} has no version {number}")]
    VersionNotFound {
        application: ApplicationName,
        number: VersionNumber,
    },
    #[error("there is no certificate with the fingerprint {0}")]
    CertificateNotFound(String),
    #[error("several certificates have fingerprints that start with {0}: give more digits")]
    CertificateAmbiguous(String),
    #[error("certificate {0} already exists")]
    CertificateExists(aar_types::Fingerprint),
    /// The trust password is wrong, or none is set.
    #[error("the trust password is not correct")]
    WrongTrustPassword,
    #[error("an application with the name {0} already exists")]
    ApplicationExists(ApplicationName),
    #[error("application {0} is immutable: it came from the registry and changes only there")]
    Immutable(ApplicationName),
    #[error("application {0} was created here: the registry does not change it")]
    MadeHere(ApplicationName),
    #[error("version {number} of {application} is not ready: its status is {status}")]
    NotReady {
        application: ApplicationName,
        number: VersionNumber,
        status: &'static str,
    },
    #[error("application {0} has no ready version to start from: update it with a package instead")]
    NothingToStartFrom(ApplicationName),
    #[error("the package is of application {found}, not of {expected}")]
    OtherApplication {
        expected: ApplicationName,
        found: ApplicationName,
    },
    /// The fingerprint of an upload differs from the one in the request.
    #[error("the fingerprint of the package is {found}, but the request announced {announced}")]
    FingerprintMismatch {
        announced: aar_types::Digest,
        found: aar_types::Digest,
    },
    #[error("{field}: {reason}")]
    InvalidField { field: String, reason: String },
    #[error("there is no configuration item {0:?}")]
    UnknownConfigItem(String),
    #[error("the configuration item {0} is read-only")]
    ReadOnlyConfigItem(&'static str),
    #[error("{value:?} is not allowed for {item}: it takes {allowed}")]
    InvalidConfigValue {
        item: &'static str,
        value: String,
        allowed: &'static str,
    },
    /// The configuration of the registry is incomplete or unusable.
    #[error("{0}")]
    RegistryNotConfigured(String),
    #[error("the registry has no application {0} for {1}")]
    NotInRegistry(ApplicationName, Architecture),
    /// `registry.mode` does not allow the request.
    #[error("{0}")]
    WrongMode(String),
    /// The registry refused a request, or there was no valid response.
    #[error("the request to the registry failed")]
    Registry(#[from] aar_client::Error),
    /// A synchronisation round failed or was incomplete.
    #[error("{0}")]
    Round(String),
    /// The package or image is invalid.
    #[error(transparent)]
    Package(aar_package::Error),
    /// A certificate or key is unusable.
    #[error(transparent)]
    Tls(#[from] aar_tls::Error),
    #[error("cancelled")]
    Cancelled,
    #[error("operation {0} cannot be cancelled")]
    NotCancellable(uuid::Uuid),
    /// A limit on concurrent requests is reached.
    #[error("{0}: try again later")]
    Busy(&'static str),
    /// Another process uses the base folder, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] aar_daemon::lock::LockError),
    #[error("{0}")]
    Setting(String),
    #[error("AMS has no space left on its disk")]
    StorageFull(#[source] Box<dyn error::Error + Send + Sync>),
    #[error("AMS cannot use its database")]
    Store(#[source] aar_sqlite::Error),
    /// A value in the database cannot be read.
    #[error("the database of AMS contains {0}")]
    Corrupt(String),
    #[error(transparent)]
    Io(io::Error),
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
        if aar_fs::is_storage_full(&error) {
            Self::StorageFull(error.into())
        } else {
            Self::Io(error)
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

impl From<aar_sqlite::Error> for Error {
    fn from(error: aar_sqlite::Error) -> Self {
        match error {
            aar_sqlite::Error::Io(error) => error.into(),
            aar_sqlite::Error::Sqlite {
                failure: Failure::StorageFull,
                source,
            } => Self::StorageFull(source),
            error => Self::Store(error),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        aar_sqlite::Error::from(error).into()
    }
}
