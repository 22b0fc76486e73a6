//! Reasons why a bucket cannot be used. Each message names the setting to change.

use std::fmt;

/// The reason why a bucket cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketProblem {
    #[error(
        "the bucket {bucket} denies {action} to the access key {keys}: allow it in the bucket policy"
    )]
    AccessDenied {
        bucket: String,
        /// The source of the access key.
        keys: KeyOrigin,
        /// The IAM action.
        action: &'static str,
    },
    /// The bucket does not exist.
    #[error("there is no bucket {bucket} at {endpoint}: create it, or correct storage.s3.bucket")]
    NoSuchBucket { bucket: String, endpoint: String },
    /// The bucket is in another region.
    #[error("the bucket {bucket} is {location}, not in {region}: correct storage.s3.region")]
    WrongRegion {
        bucket: String,
        region: String,
        /// `in REGION`, or `elsewhere` if the response does not name the region.
        location: String,
    },
    /// The access key does not exist.
    #[error("{endpoint} does not know the access key {keys}: {}", keys.when_unknown())]
    UnknownKey {
        endpoint: String,
        /// The source of the access key.
        keys: KeyOrigin,
    },
    /// The secret does not belong to the access key.
    #[error(
        "{endpoint} rejects the signature; the secret does not belong to the access key {keys}: {}",
        keys.when_wrong()
    )]
    WrongSecret {
        endpoint: String,
        /// The source of the access key.
        keys: KeyOrigin,
    },
    /// The session token has expired.
    #[error(
        "{endpoint} rejects the session token of the access key {keys} as expired or invalid: {}",
        keys.when_expired()
    )]
    SessionExpired {
        endpoint: String,
        /// The source of the access key.
        keys: KeyOrigin,
    },
    /// The clocks differ too much for a signature.
    #[error(
        "the clocks of this machine and of {endpoint} differ too much: set the clock of this machine"
    )]
    ClockSkew { endpoint: String },
    /// `CloudFront` URLs would expire before use.
    #[error(
        "the clock of this machine is {behind} s behind that of {endpoint}, and CloudFront URLs live {ttl} s: they would expire before use; set the clock"
    )]
    ClockBehind {
        endpoint: String,
        /// The difference in seconds.
        behind: u64,
        /// `duration`, in seconds.
        ttl: u64,
    },
    /// The endpoint does not respond.
    #[error(
        "{endpoint} cannot be reached ({reason}): check the network, storage.s3.endpoint and storage.s3.region"
    )]
    Unreachable { endpoint: String, reason: String },
    #[error(
        "there are no credentials for the bucket {bucket} ({reason}): set storage.s3.access-key and storage.s3.secret-access-key, or give the machine a role"
    )]
    NoCredentials {
        bucket: String,
        /// The sources that were tried, and the error of each.
        reason: String,
    },
    #[error("{endpoint} asks to slow down: try again later")]
    SlowDown { endpoint: String },
    /// The object does not exist.
    #[error("the bucket {bucket} does not have the object of {action}")]
    NotFound {
        bucket: String,
        /// The IAM action.
        action: &'static str,
    },
    /// A 404 that does not prove that the multipart upload no longer exists.
    #[error(
        "{endpoint} answers 404 to {action} without naming the multipart upload: check that the bucket {bucket} exists, and which server answers at this address"
    )]
    NotTheBucket {
        endpoint: String,
        bucket: String,
        /// The IAM action.
        action: &'static str,
    },
    /// The service reports an internal failure.
    #[error("{action} fails on the bucket {bucket}: the response is {status} {code}")]
    Failing {
        bucket: String,
        /// The IAM action.
        action: &'static str,
        status: u16,
        code: String,
    },
    /// The multipart upload was completed or aborted.
    #[error("the multipart upload of {action} no longer exists in the bucket {bucket}")]
    NoSuchUpload {
        bucket: String,
        /// The IAM action.
        action: &'static str,
    },
    #[error("{action} fails on the bucket {bucket}: {reason}")]
    Other {
        bucket: String,
        /// The IAM action.
        action: &'static str,
        reason: String,
    },
    /// `CloudFront` is not configured correctly.
    #[error(transparent)]
    CloudFront(#[from] CloudFrontProblem),
    /// The address of the bucket is invalid.
    #[error("storage.s3.{reason}")]
    Endpoint { reason: &'static str },
    /// The prefix has characters that URLs and listings escape.
    #[error(
        "storage.s3.prefix is made of segments of ASCII letters, digits and !_.()- with single slashes between them, not: {prefix:?}"
    )]
    Prefix { prefix: String },
}

impl BucketProblem {
    /// Whether the same request may succeed later without a change by the operator.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::SlowDown { .. } | Self::Failing { .. }
        )
    }
}

/// A problem in the configuration of `CloudFront`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudFrontProblem {
    // The message does not repeat the URL, which may hold a password.
    #[error(
        "base-url is not the address of a distribution: write its name, or https:// and its name"
    )]
    Address,
    /// The URL holds a user or a password.
    #[error("base-url has a user or a password in it: write the address alone")]
    Password,
    /// The URL is not encrypted.
    #[error(
        "base-url begins with http://, but signed URLs must stay secret: write https:// or leave the scheme out"
    )]
    NotEncrypted,
    /// There is no key pair id.
    #[error("keypair-id is empty: write the id that CloudFront shows")]
    NoKeyPairId,
    /// The key pair id is invalid.
    #[error(
        "keypair-id has characters other than letters and digits: write the id that CloudFront shows"
    )]
    KeyPairId,
    #[error(
        "private-key is encrypted: write it without its password, as \
         `openssl pkey -in key.pem` shows it"
    )]
    EncryptedKey,
    /// The key is shorter than `CloudFront` accepts.
    #[error("private-key has {bits} bits: CloudFront accepts 2048 or more")]
    ShortKey {
        /// Its length in bits.
        bits: usize,
    },
    /// The key cannot be read.
    #[error("private-key is not an RSA private key in PEM form (PKCS#1 or PKCS#8)")]
    PrivateKey,
}

/// The source of the access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    Configuration,
    Environment,
    WebIdentity,
    /// The role of the container.
    Container,
    /// The role of the instance.
    Instance,
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "from the configuration",
            Self::Environment => "from the environment",
            Self::WebIdentity => "of the web identity",
            Self::Container => "of the container's role",
            Self::Instance => "of the instance's role",
        })
    }
}

impl KeyOrigin {
    fn when_unknown(self) -> &'static str {
        match self {
            Self::Configuration => "correct storage.s3.access-key",
            Self::Environment => "correct AWS_ACCESS_KEY_ID",
            Self::WebIdentity | Self::Container | Self::Instance => {
                "use a role of this service, or set storage.s3.access-key"
            }
        }
    }

    fn when_wrong(self) -> &'static str {
        match self {
            Self::Configuration => "correct storage.s3.secret-access-key",
            Self::Environment => "correct AWS_SECRET_ACCESS_KEY",
            Self::WebIdentity | Self::Container | Self::Instance => {
                "check the service that issues it"
            }
        }
    }

    fn when_expired(self) -> &'static str {
        match self {
            Self::Configuration => {
                "renew storage.s3.session-token, or leave the keys out and give the machine a role"
            }
            Self::Environment => {
                "renew AWS_SESSION_TOKEN, or leave the keys out and give the machine a role"
            }
            Self::WebIdentity | Self::Container | Self::Instance => {
                "check the service that issues it, and the clock of this machine"
            }
        }
    }
}
