/// Why PostgreSQL cannot be used, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum PostgresProblem {
    #[error(
        "PostgreSQL at {address} cannot be reached: {reason}; check database.url and that the server runs"
    )]
    Unreachable { address: String, reason: String },
    #[error(
        "PostgreSQL at {address} refuses the user {user}: {reason}; check database.password-file and pg_hba.conf"
    )]
    Login {
        address: String,
        user: String,
        reason: String,
    },
    #[error(
        "PostgreSQL at {address} has no database {database}; create it, owned by {user}, or change database.url"
    )]
    NoDatabase {
        address: String,
        user: String,
        database: String,
    },
    #[error(
        "the user {user} lacks a right in the database {database}: {reason}; make it the owner of the database"
    )]
    NoRights {
        user: String,
        database: String,
        reason: String,
    },
    #[error(
        "PostgreSQL at {address} is read-only, as a standby is; let database.url name the primary server"
    )]
    ReadOnly { address: String },
    #[error(
        "PostgreSQL at {address} has no free connection; raise max_connections there, or lower database.max-connections"
    )]
    TooManyConnections { address: String },
    #[error(
        "no connection to PostgreSQL at {address} is available: it cannot be reached, or all database.max-connections connections are in use"
    )]
    PoolExhausted { address: String },
    #[error(
        "the TLS connection to PostgreSQL at {address} failed: {reason}; check sslmode and sslrootcert in database.url"
    )]
    Tls { address: String, reason: String },
    #[error("another process keeps the database locked: {reason}")]
    Busy { reason: String },
    #[error("the database failed: {reason}")]
    Other {
        reason: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PostgresProblem {
    /// Whether a later attempt may succeed without a change by a person.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TooManyConnections { .. }
            | Self::PoolExhausted { .. }
            | Self::Busy { .. } => true,
            Self::Login { .. }
            | Self::NoDatabase { .. }
            | Self::NoRights { .. }
            | Self::ReadOnly { .. }
            | Self::Tls { .. }
            | Self::Other { .. } => false,
        }
    }
}
