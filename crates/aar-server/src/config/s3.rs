use std::time::Duration;

use aar_registry::{Encryption, S3Options};
use serde::{Deserialize, Serialize};

use super::{CloudFrontConfig, NonZeroDuration, Secret, UrlTtl};

/// The longest time to live that S3 accepts.
const MAX_TTL: Duration = Duration::from_hours(7 * 24);

/// The section `storage.s3`: images in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "S3Section")]
pub struct S3Config {
    /// The region of the bucket.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The URL of the S3 service, if it is not AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether URLs have the bucket in their path instead of their host.
    pub force_path_style: bool,
    /// The prefix of all keys; may be empty.
    pub prefix: String,
    /// The credentials. By default they come from the environment, a web identity, the container or the
    /// instance.
    #[serde(flatten)]
    pub credentials: Option<S3Credentials>,
    #[serde(flatten)]
    pub encryption: Option<EncryptionConfig>,
    /// Whether downloads are redirected to the bucket instead of passing through the registry.
    pub redirect: bool,
    /// The time to live of a signed URL, if it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_duration: Option<UrlTtl>,
    /// The time for which transient errors of the bucket are retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_for: Option<NonZeroDuration>,
    /// The CDN that serves downloads, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudfront: Option<CloudFrontConfig>,
}

/// Credentials in the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct S3Credentials {
    pub access_key: String,
    pub secret_access_key: Secret,
    /// The session token of temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EncryptionConfig {
    pub server_side_encryption: EncryptionKind,
    /// The id of the KMS key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
}

/// The kind of key that encrypts objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncryptionKind {
    #[serde(rename = "AES256")]
    Aes256,
    /// A key of the key management service.
    #[serde(rename = "aws:kms")]
    Kms,
}

/// The section in the file, which may have incomplete credentials or empty names.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct S3Section {
    region: String,
    bucket: String,
    endpoint: Option<String>,
    #[serde(default)]
    force_path_style: bool,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    access_key: String,
    #[serde(default)]
    secret_access_key: String,
    #[serde(default)]
    session_token: String,
    server_side_encryption: Option<EncryptionKind>,
    kms_key_id: Option<String>,
    redirect: Option<bool>,
    url_duration: Option<UrlTtl>,
    retry_for: Option<NonZeroDuration>,
    cloudfront: Option<CloudFrontConfig>,
}

impl TryFrom<S3Section> for S3Config {
    type Error = &'static str;

    fn try_from(section: S3Section) -> Result<Self, Self::Error> {
        section.check()?;
        let config = Self {
            credentials: section.credentials()?,
            encryption: section.encryption()?,
            region: section.region,
            bucket: section.bucket,
            endpoint: section.endpoint,
            force_path_style: section.force_path_style,
            prefix: section.prefix.trim_matches('/').to_owned(),
            redirect: section.redirect.unwrap_or(true),
            url_duration: section.url_duration,
            retry_for: section.retry_for,
            cloudfront: section.cloudfront,
        };
        config.registry().check_address()?;
        Ok(config)
    }
}

/// Whether a prefix needs no escaping in keys, URLs and listings.
fn is_plain(prefix: &str) -> bool {
    let prefix = prefix.trim_matches('/');
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "!_.()-".contains(letter);
    let is_named = |segment: &str| !matches!(segment, "" | "." | "..");
    let is_valid = |segment: &str| is_named(segment) && segment.chars().all(is_plain);
    prefix.is_empty() || prefix.split('/').all(is_valid)
}

impl S3Section {
    fn check(&self) -> Result<(), &'static str> {
        if self.region.is_empty() {
            Err("region is empty")
        } else if self.bucket.is_empty() {
            Err("bucket is empty")
        } else if self.bucket.contains('/') {
            Err("bucket must not contain slashes: put the rest into prefix")
        } else if !is_plain(&self.prefix) {
            Err(
                "prefix must consist of segments of ASCII letters, digits and !_.()-, separated by single slashes; a segment must not be . or ..",
            )
        } else if self.url_duration.is_some_and(|ttl| ttl.get() > MAX_TTL) {
            Err("url-duration must be 168h or less: S3 accepts no longer signature")
        } else if self.redirect == Some(false) && self.cloudfront.is_some() {
            Err("redirect: false and cloudfront exclude each other: keep one of them")
        } else {
            Ok(())
        }
    }

    fn credentials(&self) -> Result<Option<S3Credentials>, &'static str> {
        let token = Some(&self.session_token).filter(|token| !token.is_empty());
        match (
            self.access_key.is_empty(),
            self.secret_access_key.is_empty(),
        ) {
            (true, true) if token.is_some() => {
                Err("session-token needs access-key and secret-access-key")
            }
            (true, true) => Ok(None),
            (false, false) => Ok(Some(S3Credentials {
                access_key: self.access_key.clone(),
                secret_access_key: Secret::new(self.secret_access_key.clone()),
                session_token: token.cloned().map(Secret::new),
            })),
            (false, true) => Err("access-key needs secret-access-key"),
            (true, false) => Err("secret-access-key needs access-key"),
        }
    }

    fn encryption(&self) -> Result<Option<EncryptionConfig>, &'static str> {
        match (self.server_side_encryption, &self.kms_key_id) {
            (None | Some(EncryptionKind::Aes256), Some(_)) => {
                Err("kms-key-id needs server-side-encryption: aws:kms")
            }
            (None, None) => Ok(None),
            (Some(server_side_encryption), kms_key_id) => Ok(Some(EncryptionConfig {
                server_side_encryption,
                kms_key_id: kms_key_id.clone(),
            })),
        }
    }
}

impl S3Config {
    pub(super) fn registry(&self) -> S3Options {
        let credentials = self.credentials.as_ref();
        S3Options {
            region: self.region.clone(),
            bucket: self.bucket.clone(),
            endpoint: self.endpoint.clone(),
            force_path_style: self.force_path_style,
            prefix: self.prefix.clone(),
            credentials: credentials.map(S3Credentials::registry),
            encryption: self.encryption.as_ref().map(EncryptionConfig::registry),
            redirect: self.redirect,
            url_duration: self.url_duration.map(UrlTtl::get),
            retry_for: self
                .retry_for
                .map_or(S3Options::RETRY_FOR, NonZeroDuration::get),
            cloudfront: self.cloudfront.as_ref().map(CloudFrontConfig::registry),
        }
    }
}

impl S3Credentials {
    fn registry(&self) -> aar_registry::S3Credentials {
        aar_registry::S3Credentials {
            access_key: self.access_key.clone(),
            secret_access_key: self.secret_access_key.registry(),
            session_token: self.session_token.as_ref().map(Secret::registry),
        }
    }
}

impl EncryptionConfig {
    fn registry(&self) -> Encryption {
        match self.server_side_encryption {
            EncryptionKind::Aes256 => Encryption::Aes256,
            EncryptionKind::Kms => Encryption::Kms {
                key_id: self.kms_key_id.clone(),
            },
        }
    }
}
