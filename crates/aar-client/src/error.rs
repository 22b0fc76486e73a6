use std::{io, path::PathBuf, time::Duration};

use aar_types::{Digest, ErrorCode, Fingerprint};

/// Why the registry did not do what it was asked. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the registry cannot be one.
    #[error("{url} is not the address of a registry; it has the form https://HOST:PORT")]
    Address {
        /// What was given.
        url: String,
    },
    /// Certificate, key or proxy cannot be used.
    #[error("the connection to the registry cannot be set up")]
    Setup(#[from] aar_tls::Error),
    /// No connection could be made.
    #[error(
        "no connection to the registry at {url}; check the address, whether it runs, and the \
         network between"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Somebody else answers, or the registry has a new certificate.
    #[error(
        "the registry shows the certificate {shown}, but registry.fingerprint says {expected}; if \
         its certificate was renewed, add the new one to the trust store and set \
         registry.fingerprint to {shown}"
    )]
    PinMismatch {
        /// The fingerprint that was configured.
        expected: Fingerprint,
        /// The fingerprint of what was shown.
        shown: Fingerprint,
    },
    /// The connection is there, but nothing comes.
    #[error("the registry was silent for {} seconds; it is overloaded or the network is broken", limit.as_secs())]
    Silent {
        /// For how long.
        limit: Duration,
    },
    /// The connection broke in the middle.
    #[error("the connection broke off")]
    Interrupted {
        /// Why, where that is known; a body that ends too early has no other reason.
        source: Option<reqwest::Error>,
    },
    /// The registry answered that it will not.
    #[error("the registry refused with {status}{}: {message}{advice}", code_suffix(*code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What went wrong, for programs.
        code: Option<ErrorCode>,
        /// What went wrong, as the registry puts it.
        message: String,
        /// What to do about it; begins with a semicolon where it is not empty.
        advice: String,
        /// How long the registry asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The issuers that the system trusts cannot be had.
    #[error(
        "the storage that the registry redirects to cannot be verified; install the certificates \
         of its issuers, or name them in SSL_CERT_FILE"
    )]
    ContentSetup {
        /// Why.
        source: aar_tls::Error,
    },
    /// No connection could be made to the place that the registry redirects to.
    #[error(
        "no connection to the storage at {host}, which the registry redirects to; check the network \
         between and whether its certificate is trusted here"
    )]
    ContentUnreachable {
        /// Where.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The place that the registry redirects to does not hand out the image.
    #[error(
        "the storage at {host}, which the registry redirects to, refused the image with {status}; \
         check what the key of the registry may read there, and the clocks"
    )]
    ContentRefused {
        /// Where.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not what a registry answers.
    #[error(
        "the answer to {request} makes no sense: {reason}; is this address a registry, and of a \
         fitting version?"
    )]
    Malformed {
        /// What was asked for.
        request: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The catalogue could not be read as a whole at one revision.
    #[error("the listing of the registry is incomplete: {reason}; nothing is concluded from it")]
    IncompleteListing {
        /// What is missing.
        reason: String,
    },
    /// What was downloaded is not what the registry promised, twice.
    #[error(
        "the image has the digest {found} instead of {expected}, also when fetched again; verify \
         the storage of the registry"
    )]
    DigestMismatch {
        /// What was promised.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// What is to be downloaded has not the size that the registry promised, twice.
    #[error(
        "the image has {found} bytes instead of {expected}, also when asked for again; verify the \
         storage of the registry"
    )]
    SizeMismatch {
        /// What was promised.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The file to be uploaded is not what its version says.
    #[error("{} is not the image that its version declares; nothing of it was stored", path.display())]
    ImageDiffers {
        /// The file.
        path: PathBuf,
    },
    /// There is no space left here.
    #[error("no space is left for {}; what has arrived is kept and the rest fetched when there is", path.display())]
    NoSpace {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// A file cannot be read or written. The message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The caller ended it.
    #[error("the transfer was cancelled")]
    Cancelled,
}

impl Error {
    /// Whether the same call may succeed a little later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Interrupted { .. }
            | Self::ContentUnreachable { .. }
            | Self::ContentRefused { .. } => true,
            Self::Refused { status, code, .. } => {
                let moved = *code == Some(ErrorCode::UploadOffsetConflict);
                self.is_locked() || moved || matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// Whether another request holds the upload, or puts it together: a refusal of HEAD says so by
    /// its status alone.
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

    /// The stable name of a refusal.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }

    /// The message with those of all its causes, in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let message = error.to_string();
            // Libraries like to repeat their cause.
            if !text.contains(&message) {
                text = format!("{text}: {message}");
            }
            cause = error.source();
        }
        text
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

/// What to do about a refusal.
pub(crate) fn advice(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::CertificateRequired) => "; show the client certificate of this service",
        Some(ErrorCode::CertificateUnknown) => {
            "; add the client certificate of this service on the registry with `aar trust add`"
        }
        Some(ErrorCode::CertificateRevoked) => {
            "; a revoked certificate stays so: make a new one and add that"
        }
        Some(ErrorCode::CertificateExpired) => {
            "; make a new client certificate and add it on the registry"
        }
        Some(ErrorCode::CertificateNotYetValid) => "; compare the clocks of the two machines",
        Some(ErrorCode::RoleInsufficient) => {
            "; add the certificate as a publisher with `aar trust add --publisher`"
        }
        Some(ErrorCode::StorageFull) => "; free space on the registry, the upload goes on then",
        _ => "",
    }
}
