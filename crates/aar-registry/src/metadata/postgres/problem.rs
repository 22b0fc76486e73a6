use std::time::Duration;

use sqlx::error::DatabaseError;

use super::ServerName;
use crate::Error;

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

/// The class of a code of PostgreSQL (SQLSTATE).
enum Class {
    Login,
    NoDatabase,
    NoRights,
    ReadOnly,
    TooManyConnections,
    StorageFull,
    ShuttingDown,
    Busy,
    Other,
}

impl Class {
    fn of(error: &dyn DatabaseError) -> Self {
        match error.code().as_deref() {
            Some("28000" | "28P01") => Self::Login,
            Some("3D000") => Self::NoDatabase,
            Some("42501") => Self::NoRights,
            Some("25006") => Self::ReadOnly,
            Some("53300") => Self::TooManyConnections,
            Some("53100") => Self::StorageFull,
            // The server stops, starts, or ends the connection.
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03") => Self::ShuttingDown,
            // A lock or statement took too long, a deadlock, a conflict with another transaction.
            Some("55P03" | "57014" | "40P01" | "40001") => Self::Busy,
            _ => Self::Other,
        }
    }
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

impl ServerName {
    /// Translates an error for an operator.
    pub(in super::super) fn failure(&self, error: sqlx::Error) -> Error {
        match error {
            sqlx::Error::Database(error) => self.refused(error),
            sqlx::Error::Io(error) => self.unreachable(&error).into(),
            sqlx::Error::Tls(error) => PostgresProblem::Tls {
                address: self.address.clone(),
                reason: aar_types::root_cause(&*error).to_string(),
            }
            .into(),
            sqlx::Error::PoolTimedOut => PostgresProblem::PoolExhausted {
                address: self.address.clone(),
            }
            .into(),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Error::Stopped,
            error => PostgresProblem::Other {
                reason: error.to_string(),
                source: error.into(),
            }
            .into(),
        }
    }

    fn refused(&self, error: Box<dyn DatabaseError>) -> Error {
        let (address, user) = (self.address.clone(), self.user.clone());
        let (database, reason) = (self.database.clone(), error.message().to_owned());
        let problem = match Class::of(&*error) {
            Class::StorageFull => {
                return Error::StorageFull {
                    source: error.into_error(),
                };
            }
            Class::Login => PostgresProblem::Login {
                address,
                user,
                reason,
            },
            Class::NoDatabase => PostgresProblem::NoDatabase {
                address,
                user,
                database,
            },
            Class::NoRights => PostgresProblem::NoRights {
                user,
                database,
                reason,
            },
            Class::ReadOnly => PostgresProblem::ReadOnly { address },
            Class::TooManyConnections => PostgresProblem::TooManyConnections { address },
            Class::ShuttingDown => PostgresProblem::Unreachable { address, reason },
            Class::Busy => PostgresProblem::Busy { reason },
            Class::Other => PostgresProblem::Other {
                reason,
                source: error.into_error(),
            },
        };
        problem.into()
    }

    pub(super) fn no_answer(&self, limit: Duration) -> PostgresProblem {
        PostgresProblem::Unreachable {
            address: self.address.clone(),
            reason: format!("no answer within {limit:?}"),
        }
    }

    pub(super) fn read_only(&self) -> PostgresProblem {
        PostgresProblem::ReadOnly {
            address: self.address.clone(),
        }
    }

    fn unreachable(&self, error: &std::io::Error) -> PostgresProblem {
        PostgresProblem::Unreachable {
            address: self.address.clone(),
            reason: error.to_string(),
        }
    }
}
