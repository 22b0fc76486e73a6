use std::time::Duration;

use crate::Secret;

/// The options of a bucket.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The region of the bucket.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The URL of the service; AWS by default.
    pub endpoint: Option<String>,
    /// Whether a URL has the bucket in its path, as most services except AWS require.
    pub force_path_style: bool,
    /// The prefix of all keys; may be empty.
    pub prefix: String,
    /// The access key; by default from the environment.
    pub credentials: Option<S3Credentials>,
    pub encryption: Option<Encryption>,
    /// Whether clients are redirected to the bucket, instead of served through the registry.
    pub redirect: bool,
    /// The time to live of a presigned URL; by default it depends on the size of the image.
    pub url_duration: Option<Duration>,
    /// The time for which transient errors are retried where giving up would lose work.
    pub retry_for: Duration,
    /// The CDN in front of the bucket.
    pub cloudfront: Option<CloudFrontOptions>,
}

impl S3Options {
    /// The default of `retry_for`.
    pub const RETRY_FOR: Duration = Duration::from_mins(2);

    /// A bucket of AWS, with credentials from the environment.
    pub fn new(region: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            bucket: bucket.into(),
            endpoint: None,
            force_path_style: false,
            prefix: String::new(),
            credentials: None,
            encryption: None,
            redirect: true,
            url_duration: None,
            retry_for: Self::RETRY_FOR,
            cloudfront: None,
        }
    }

    /// The bucket and the prefix, for messages.
    pub(crate) fn place(&self) -> String {
        match self.prefix.trim_matches('/') {
            "" => format!("the bucket {}", self.bucket),
            prefix => format!("{prefix}/ in the bucket {}", self.bucket),
        }
    }
}

#[derive(Debug, Clone)]
pub struct S3Credentials {
    pub access_key: String,
    pub secret_access_key: Secret,
    /// The session token of a temporary key.
    pub session_token: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// A key of S3: `AES256`.
    Aes256,
    /// A key of the key management service: `aws:kms`.
    Kms {
        /// The id of the key; by default the key of the service for S3.
        key_id: Option<String>,
    },
}

#[derive(Debug, Clone)]
pub struct CloudFrontOptions {
    /// Its URL, with or without scheme, and with the path of the bucket.
    pub base_url: String,
    /// The RSA key that signs URLs, as PEM.
    pub private_key: Secret,
    /// The id of that key.
    pub keypair_id: String,
    /// The time to live of a signed URL; by default it depends on the size of the image.
    pub duration: Option<Duration>,
}
