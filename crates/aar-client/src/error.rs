use std::{io, path::PathBuf, time::Duration};

use aar_types::{Digest, ErrorCode, Fingerprint};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a request to the registry failed. Messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the registry is invalid.
    #[error("{url} is not the address of a registry; it has the form https://HOST:PORT")]
    Address {
        /// The configured address.
        url: String,
    },
    /// The certificate, the key or the proxy is unusable.
    #[error("cannot set up connections to the registry")]
    Setup(#[source] aar_http::Error),
    /// No connection was established.
    #[error(
        "cannot connect to the registry at {url}; check the address, the network, and that the \
         registry runs"
    )]
    Unreachable {
        /// The address of the registry.
        url: String,
        /// The cause.
        source: BoxError,
    },
    /// The server has another certificate than the configured one.
    #[error(
        "the registry shows the certificate {shown}, but registry.fingerprint is {expected}; if \
         its certificate was renewed, add the new one to the trust store and set \
         registry.fingerprint to {shown}"
    )]
    PinMismatch {
        /// The configured fingerprint.
        expected: Fingerprint,
        /// The fingerprint of the server's certificate.
        shown: Fingerprint,
    },
    /// The registry sent nothing for too long.
    #[error(
        "the registry did not respond for {} seconds; it is overloaded, or the network is broken",
        limit.as_secs()
    )]
    Timeout {
        /// The time limit.
        limit: Duration,
    },
    /// The connection was lost during a request.
    #[error("the connection to the registry was interrupted")]
    Interrupted {
        /// The cause; none for a body that ends too early.
        source: Option<BoxError>,
    },
    /// The registry refused the request.
    #[error("the registry refused with {status}{}: {message}{advice}", code_suffix(*code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code for programs.
        code: Option<ErrorCode>,
        /// The message for people.
        message: String,
        /// Advice; starts with a semicolon unless it is empty.
        advice: String,
        /// How long the registry asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// No connection to the storage was established.
    #[error(
        "cannot connect to the storage at {host}, to which the registry redirects; check the \
         network, and that this machine trusts the certificate of the storage: install its issuer, \
         or name it in SSL_CERT_FILE"
    )]
    ContentUnreachable {
        /// The host and port of the storage.
        host: String,
        /// The cause.
        source: BoxError,
    },
    /// The registry redirects to an address that is not safe.
    #[error("the registry redirects the image to {address}, which is refused: {reason}")]
    RedirectRefused {
        /// The scheme, host and port.
        address: String,
        /// The reason, and the remedy.
        reason: String,
    },
    /// The storage refused the image.
    #[error(
        "the storage at {host}, to which the registry redirects, refused the image with {status}; \
         check the permissions of the registry's key, and the clocks"
    )]
    ContentRefused {
        /// The host and port of the storage.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The response is not one of a registry.
    #[error(
        "the response to {request} is invalid: {reason}; check that this is the address of a \
         registry with a compatible version"
    )]
    Malformed {
        /// The request.
        request: String,
        /// The invalid part of the response.
        reason: String,
    },
    /// The catalogue could not be listed completely at one revision.
    #[error("the listing of the registry is incomplete: {reason}; it is ignored")]
    IncompleteListing {
        /// The missing part.
        reason: String,
    },
    /// The image had another digest than the registry declares, twice.
    #[error(
        "the image has the digest {found} instead of {expected}; verify the storage of the registry"
    )]
    DigestMismatch {
        /// The declared digest.
        expected: Digest,
        /// The digest of the received bytes.
        found: Digest,
    },
    /// The image had another size than the registry declares, twice.
    #[error(
        "the image has {found} bytes instead of {expected}; verify the storage of the registry"
    )]
    SizeMismatch {
        /// The declared size.
        expected: u64,
        /// The size of the image in the storage.
        found: u64,
    },
    /// The file to upload is not the image that the version declares.
    #[error("{} is not the image that its version declares; it was not uploaded", path.display())]
    ImageDiffers {
        /// The file.
        path: PathBuf,
    },
    /// The local disk is full.
    #[error(
        "no space is left for {}; the download keeps what it has and continues when there is space",
        path.display()
    )]
    NoSpace {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// A file cannot be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The caller cancelled the transfer.
    #[error("the transfer was cancelled")]
    Cancelled,
}

impl Error {
    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Interrupted { .. }
            | Self::ContentUnreachable { .. }
            | Self::ContentRefused { .. } => true,
            Self::Refused { status, code, .. } => {
                *code == Some(ErrorCode::UploadOffsetConflict)
                    || matches!(status, 408 | 423 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// Whether another request holds the upload. The status is decisive: a refusal of HEAD has no
    /// code.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self, Self::Refused { status: 423, .. })
    }

    /// How long the registry asks to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The code of a refusal.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }

    pub(crate) fn malformed(request: &str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            request: request.to_owned(),
            reason: reason.into(),
        }
    }
}

fn code_suffix(code: Option<ErrorCode>) -> String {
    code.map_or_else(String::new, |code| format!(" {code}"))
}

pub(crate) fn advice(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::CertificateRequired) => "; show the client certificate of this service",
        Some(ErrorCode::CertificateUnknown) => {
            "; add the client certificate of this service on the registry with `aar trust add`"
        }
        Some(ErrorCode::CertificateRevoked) => {
            "; a revocation is permanent: make a new client certificate and add it on the registry"
        }
        Some(ErrorCode::CertificateExpired) => {
            "; make a new client certificate and add it on the registry"
        }
        Some(ErrorCode::CertificateNotYetValid) => "; compare the clocks of the two machines",
        Some(ErrorCode::RoleInsufficient) => {
            "; add the certificate as a publisher with `aar trust add --publisher`"
        }
        Some(ErrorCode::StorageFull) => "; free space on the registry, then the upload continues",
        _ => "",
    }
}
