use std::time::Duration;

use crate::Secret;

/// A bucket, and how it is used.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The region of the bucket.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The URL of the service; AWS by default.
    pub endpoint: Option<String>,
    /// Whether the bucket is named in the path of a URL, as most services but AWS want it.
    pub force_path_style: bool,
    /// The prefix of all keys; may be empty.
    pub prefix: String,
    /// The access key; by default that of the environment.
    pub credentials: Option<S3Credentials>,
    /// Encryption at rest.
    pub encryption: Option<Encryption>,
    /// Whether clients are redirected to the bucket, instead of served through the registry.
    pub redirect: bool,
    /// How long a presigned URL lives; by default as long as the image needs.
    pub url_duration: Option<Duration>,
    /// The CDN in front of the bucket.
    pub cloudfront: Option<CloudFrontOptions>,
}

impl S3Options {
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

/// A configured access key.
#[derive(Debug, Clone)]
pub struct S3Credentials {
    /// Its id.
    pub access_key: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The session token of a temporary key.
    pub session_token: Option<Secret>,
}

/// Encryption at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With a key of S3: `AES256`.
    Aes256,
    /// With a key of the key management service: `aws:kms`.
    Kms {
        /// The key; by default the one of the service for S3.
        key_id: Option<String>,
    },
}

/// A distribution of CloudFront.
#[derive(Debug, Clone)]
pub struct CloudFrontOptions {
    /// Its URL, with or without scheme, and with the path of the bucket.
    pub base_url: String,
    /// The RSA key that signs URLs, as PEM.
    pub private_key: Secret,
    /// The id of that key.
    pub keypair_id: String,
    /// How long a signed URL lives; by default as long as the image needs.
    pub duration: Option<Duration>,
}
