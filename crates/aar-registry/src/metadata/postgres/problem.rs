use std::time::Duration;

use sqlx::error::DatabaseError;

use super::ServerName;
use crate::{Error, PostgresProblem};

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
