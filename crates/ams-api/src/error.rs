use std::{io, time::Duration};

use aar_tls::PinMismatch;
use aar_types::Digest;

use crate::{StatusCode, error_codes};

/// The reason why a call of AMS failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of a remote is invalid.
    #[error("{url:?} is not the address of an AMS: {reason}")]
    Address {
        /// The address.
        url: String,
        /// The problem with the address.
        reason: &'static str,
    },
    /// The HTTP client cannot be created.
    #[error("cannot set up the HTTP client")]
    Client(#[source] aar_http::Error),
    /// The connection cannot be established.
    #[error("cannot reach AMS at {endpoint}")]
    Unreachable {
        /// The address or socket.
        endpoint: String,
        /// The cause.
        source: io::Error,
    },
    /// The server shows another certificate than the pinned one.
    #[error("the server at {endpoint} is not the AMS that was added")]
    WrongCertificate {
        /// The address.
        endpoint: String,
        /// Both fingerprints.
        source: PinMismatch,
    },
    /// The connection was lost before the response was complete.
    #[error("the connection to AMS at {endpoint} was lost")]
    ConnectionLost {
        /// The address or socket.
        endpoint: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There was no response in time.
    #[error("AMS at {endpoint} did not respond within {} s", limit.as_secs())]
    NoResponse {
        /// The address or socket.
        endpoint: String,
        /// The time limit.
        limit: Duration,
    },
    /// AMS refused the request.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// One of the [`error_codes`], if AMS sends one.
        code: Option<String>,
        /// The message of AMS.
        message: String,
    },
    /// The response does not match the definition of the API.
    #[error("AMS sent an unexpected response to {context}")]
    Malformed {
        /// The request.
        context: String,
        /// The problem with the response.
        source: Option<serde_json::Error>,
    },
    /// An operation failed or was cancelled.
    #[error("{}", if message.is_empty() { status.as_str() } else { message })]
    Operation {
        /// The final status.
        status: StatusCode,
        /// The message of AMS.
        message: String,
    },
    /// An operation takes longer than the caller waits.
    #[error("not finished within {limit:?}")]
    WaitExpired {
        /// The time limit of the caller.
        limit: Duration,
    },
    /// The exported image does not have the announced digest.
    #[error("the image was damaged in transit: expected SHA-256 {announced}, received {received}")]
    Damaged {
        /// The SHA-256 that AMS announced.
        announced: Digest,
        /// The SHA-256 of the received bytes.
        received: Digest,
        /// Whether the bytes were written to a stream, where they cannot be removed.
        streamed: bool,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
}

impl Error {
    /// Whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether AMS does not trust this client. A request that is refused to every client has the same
    /// status. The vendor's AMS sends no code: there, only the message tells the two apart.
    pub fn is_not_trusted(&self) -> bool {
        match self {
            Self::Refused { status: 401, .. } => true,
            Self::Refused {
                status: 403,
                code,
                message,
            } => match code {
                Some(code) => code == error_codes::NOT_AUTHORIZED,
                None => message.to_ascii_lowercase().starts_with("not authorized"),
            },
            _ => false,
        }
    }

    /// Advice for the user of a terminal.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => Some("an address looks like https://ams0.example.com:8444"),
            Self::Unreachable { source, .. } => Some(match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "only root and the group that AMS allows can use the socket: try again with sudo"
                }
                _ => {
                    "is AMS running? To use another AMS: `--socket PATH`, `--remote NAME` or `amc \
                     remote set-default NAME`"
                }
            }),
            Self::WrongCertificate { .. } => Some(
                "if AMS was reinstalled, remove the remote and add it again to pin the new \
                 certificate; if not, the connection may be intercepted",
            ),
            _ if self.is_not_trusted() => Some(
                "AMS must trust this client: copy `client.crt` of this machine to the AMS machine and \
                 run `amc config trust add` there",
            ),
            Self::WaitExpired { .. } => Some(
                "the operation continues in AMS; `amc monitor` shows its progress, and --timeout sets \
                 a longer limit",
            ),
            Self::Damaged { streamed: true, .. } => {
                Some("discard what was written, and export the image again")
            }
            Self::Damaged { .. } => Some("no file was written; export the image again"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_client_is_recognised_by_the_code_or_else_by_the_message() {
        let refused = |status, code: Option<&str>, message: &str| Error::Refused {
            status,
            code: code.map(str::to_owned),
            message: message.to_owned(),
        };
        let own = Some(error_codes::NOT_AUTHORIZED);
        assert!(refused(401, None, "").is_not_trusted());
        assert!(refused(403, own, "whatever it says").is_not_trusted());
        assert!(refused(403, None, "Not authorized").is_not_trusted());
        let immutable = Some(error_codes::IMMUTABLE);
        assert!(!refused(403, immutable, "not authorized to be changed").is_not_trusted());
        assert!(!refused(403, None, "it is immutable").is_not_trusted());
        assert!(!refused(404, own, "").is_not_trusted());
    }
}
