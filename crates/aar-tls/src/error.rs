use std::{io, net::SocketAddr, path::PathBuf};

use jiff::Timestamp;

/// An error of certificates and connections.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that should hold a certificate does not.
    #[error("this is not a certificate: {found}")]
    NotACertificate {
        /// The content that was found instead.
        found: String,
    },
    /// A text that should hold one certificate holds several.
    #[error(
        "this holds {count} certificates: {names}; add one at a time, each from a file of its own"
    )]
    SeveralCertificates {
        /// Their number.
        count: usize,
        /// Their subjects and fingerprints.
        names: String,
    },
    /// TLS cannot verify connections with the key of a certificate.
    #[error("the certificate cannot be used with TLS: {problem}")]
    KeyNotSupported {
        /// The key, and which keys can be used.
        problem: String,
    },
    /// A certificate is only for signing other certificates.
    #[error(
        "the certificate is that of an authority: it is only for signing others, and certificates \
         are not trusted because of their issuer; add the certificate of each client"
    )]
    Authority,
    /// The validity of a certificate ends before it begins.
    #[error(
        "the certificate is never valid: it ends on {not_after}, before it begins on {not_before}"
    )]
    NeverValid {
        /// The begin of its validity.
        not_before: Timestamp,
        /// The end of its validity.
        not_after: Timestamp,
    },
    /// The bytes are not an X.509 certificate.
    #[error("this is not an X.509 certificate: {reason}")]
    Malformed {
        /// The error of the parser.
        reason: String,
    },
    /// A file has the wrong content.
    #[error("{} cannot be used", path.display())]
    InFile {
        path: PathBuf,
        /// The problem with its content.
        source: Box<Error>,
    },
    /// A text that should hold a private key does not.
    #[error("this is not a private key in PEM form (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    NotAKey,
    /// The key is of a kind that cannot be used.
    #[error("the private key cannot be used")]
    KeyRefused(#[source] rustls::Error),
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The key in one file does not belong to the certificate in another.
    #[error("{} does not belong to {}: replace one of them", key.display(), certificate.display())]
    FilesMismatch { certificate: PathBuf, key: PathBuf },
    /// There is a certificate, but its private key is missing.
    #[error("{} exists, but its private key {} does not", certificate.display(), key.display())]
    KeyMissing {
        certificate: PathBuf,
        /// The expected path of its key.
        key: PathBuf,
    },
    /// Other users can read a private key.
    #[error("other users can read the private key {}: make it private (chmod 600 {}) and replace it if one of them may have read it", key.display(), key.display())]
    KeyExposed { key: PathBuf },
    /// A certificate could not be made.
    #[error("a certificate cannot be made")]
    Generate(#[from] rcgen::Error),
    /// The TLS library refuses the settings.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    /// No connection could be made.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The host of the request.
        host: String,
        port: u16,
        source: io::Error,
    },
    /// A file cannot be read or written. The message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    pub(crate) fn not_a_certificate(found: impl Into<String>) -> Self {
        let found = found.into();
        Self::NotACertificate { found }
    }
}
