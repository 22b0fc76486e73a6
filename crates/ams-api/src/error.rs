use std::{io, time::Duration};

use aar_tls::PinMismatch;
use aar_types::Digest;

use crate::{StatusCode, refusals};

/// What can go wrong when AMS is talked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of a remote is of no use.
    #[error("{url:?} is not the address of an AMS: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The TLS settings could not be made.
    #[error("cannot set up TLS")]
    Tls(#[from] aar_tls::Error),
    /// No connection came about.
    #[error("cannot reach AMS at {endpoint}")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// Why not.
        source: io::Error,
    },
    /// Something else answers than what was pinned.
    #[error("AMS at {endpoint} is not the one that was added")]
    OtherServer {
        /// Where it was looked for.
        endpoint: String,
        /// The certificates.
        source: PinMismatch,
    },
    /// The connection broke in the middle.
    #[error("the connection to AMS at {endpoint} broke")]
    Broken {
        /// Where it led to.
        endpoint: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer came in time.
    #[error("AMS at {endpoint} does not answer ({} s)", limit.as_secs())]
    Silent {
        /// Where it was looked for.
        endpoint: String,
        /// How long it was given.
        limit: Duration,
    },
    /// AMS says no.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Which of the [refusals] it is, where AMS says so.
        code: Option<String>,
        /// What it says.
        message: String,
    },
    /// AMS says something that makes no sense.
    #[error("AMS gives an answer that cannot be read ({context})")]
    Malformed {
        /// The request.
        context: String,
        /// What is wrong with the answer.
        source: Option<serde_json::Error>,
    },
    /// An operation did not do what it was to do.
    #[error("{}", if message.is_empty() { status.as_str() } else { message })]
    Operation {
        /// How it ended.
        status: StatusCode,
        /// What AMS says of it.
        message: String,
    },
    /// An operation takes longer than the caller waits.
    #[error("not finished within {limit:?}")]
    WaitExpired {
        /// How long it was waited for.
        limit: Duration,
    },
    /// What arrived is not what was announced.
    #[error(
        "the image that arrived is damaged: its SHA-256 is {received}, announced was {announced}"
    )]
    Damaged {
        /// The SHA-256 that AMS announced.
        announced: Digest,
        /// That of what arrived.
        received: Digest,
        /// Whether it was written as it arrived, to where nothing can be taken back.
        passed_on: bool,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
}

impl Error {
    /// Whether AMS says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether AMS does not let this client in. What it refuses to anybody has the same status. An
    /// AMS that sends no code is one of the vendor's, which tells the two apart by the message only.
    pub fn is_not_trusted(&self) -> bool {
        match self {
            Self::Refused { status: 401, .. } => true,
            Self::Refused {
                status: 403,
                code,
                message,
            } => match code {
                Some(code) => code == refusals::NOT_AUTHORIZED,
                None => message.to_ascii_lowercase().starts_with("not authorized"),
            },
            _ => false,
        }
    }

    /// What somebody at a terminal can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => Some("an address looks like https://ams0.example.com:8444"),
            Self::Unreachable { source, .. } => Some(match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "the socket is kept for root and whoever AMS allows: try with sudo"
                }
                _ => {
                    "is AMS running? `--socket` names another socket, `amc remote set-default` \
                     another AMS"
                }
            }),
            Self::OtherServer { .. } => Some(
                "if it was set up anew, remove the remote and add it again to pin its new \
                 certificate; if not, somebody may be in between",
            ),
            _ if self.is_not_trusted() => Some(
                "AMS has to trust this client: `amc config trust add` on its machine with \
                 `client.crt` of this one",
            ),
            Self::WaitExpired { .. } => Some(
                "it goes on in AMS; `--timeout` waits longer, `amc monitor` shows what happens",
            ),
            Self::Damaged {
                passed_on: true, ..
            } => Some("what was written is of no use; try again"),
            Self::Damaged { .. } => Some("nothing of it was kept; try again"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_let_in_is_told_by_the_code_or_else_by_the_message() {
        let refused = |status, code: Option<&str>, message: &str| Error::Refused {
            status,
            code: code.map(str::to_owned),
            message: message.to_owned(),
        };
        let own = Some(refusals::NOT_AUTHORIZED);
        assert!(refused(401, None, "").is_not_trusted());
        assert!(refused(403, own, "whatever it says").is_not_trusted());
        assert!(refused(403, None, "Not authorized").is_not_trusted());
        let immutable = Some(refusals::IMMUTABLE);
        assert!(!refused(403, immutable, "not authorized to be changed").is_not_trusted());
        assert!(!refused(403, None, "it is immutable").is_not_trusted());
        assert!(!refused(404, own, "").is_not_trusted());
    }
}
