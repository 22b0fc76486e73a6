use std::io;

use aar_daemon::{ConfigError, lock::LockError};

/// The reason why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The base folder is in use by another process, or cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The registry cannot be opened.
    #[error("the registry cannot be opened")]
    Registry(#[from] aar_registry::Error),
    /// The certificate cannot be used, or the address cannot be listened on.
    #[error(transparent)]
    Tls(#[from] aar_tls::Error),
    /// The configured address cannot be resolved.
    #[error("cannot listen on {address}")]
    Address { address: String, source: io::Error },
    /// A file cannot be used. The message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
}
