//! What has to be known of a bucket.

use std::time::Duration;

use crate::{CloudFrontProblem, Secret, storage::CloudFront};

/// A bucket, and how it is used.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The region of the bucket.
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// The address of the service; that of AWS where none is given.
    pub endpoint: Option<String>,
    /// Whether the bucket is named in the path, as most services but AWS want it.
    pub force_path_style: bool,
    /// What stands before every key, without slashes around it. It may be empty.
    pub prefix: String,
    /// The keys; those that the surroundings provide where none are given.
    pub credentials: Option<S3Credentials>,
    /// How objects are encrypted where they are stored.
    pub encryption: Option<Encryption>,
    /// Whether whoever downloads is sent to the bucket, or served through the registry.
    pub redirect: bool,
    /// The life of a signed address, where it is fixed.
    pub url_duration: Option<Duration>,
    /// The CDN in front of the bucket.
    pub cloudfront: Option<CloudFrontOptions>,
}

impl S3Options {
    /// A bucket of AWS, with credentials from the surroundings.
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

    /// The bucket, and where in it, in words.
    pub(crate) fn place(&self) -> String {
        match self.prefix.trim_matches('/') {
            "" => format!("the bucket {}", self.bucket),
            prefix => format!("{prefix}/ in the bucket {}", self.bucket),
        }
    }
}

/// Keys that somebody has written down.
#[derive(Debug, Clone)]
pub struct S3Credentials {
    /// The id of the key.
    pub access_key: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What belongs to keys that do not last.
    pub session_token: Option<Secret>,
}

/// How objects are encrypted where they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With a key of the storage: `AES256`.
    Aes256,
    /// With a key of the key management service: `aws:kms`.
    Kms {
        /// The key; that of the service for S3 where none is given.
        key_id: Option<String>,
    },
}

impl CloudFrontOptions {
    /// Whether addresses can be signed with it.
    pub fn check(&self) -> Result<(), CloudFrontProblem> {
        CloudFront::new(self).map(drop)
    }
}

/// A distribution of CloudFront.
#[derive(Debug, Clone)]
pub struct CloudFrontOptions {
    /// Its address, with or without scheme, and with the path under which the bucket is.
    pub base_url: String,
    /// The RSA key that signs addresses, as PEM.
    pub private_key: Secret,
    /// The id of that key.
    pub keypair_id: String,
    /// The life of a signed address, where it is fixed.
    pub duration: Option<Duration>,
}
