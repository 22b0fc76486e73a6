use std::time::Duration;

use aar_registry::{Encryption, S3Options};
use serde::{Deserialize, Serialize};

use super::{CloudFrontConfig, Life, Secret};

/// What a signature of S3 is good for at most.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Images in a bucket: section `storage.s3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "Written")]
pub struct S3Config {
    /// The region of the bucket.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The address of the service, where it is not AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether the bucket is named in the path of addresses instead of their host.
    pub force_path_style: bool,
    /// What stands before the name of every object. It may be empty.
    pub prefix: String,
    /// The credentials. Without them, those of the environment, of a web identity, of the
    /// container, or of the instance.
    #[serde(flatten)]
    pub credentials: Option<S3Credentials>,
    /// How objects are encrypted where they are stored.
    #[serde(flatten)]
    pub encryption: Option<EncryptionConfig>,
    /// Whether downloads are redirected to the bucket, or served through the registry.
    pub redirect: bool,
    /// The life of a signed address, where it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_duration: Option<Life>,
    /// The CDN that serves downloads, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudfront: Option<CloudFrontConfig>,
}

/// Credentials for the bucket that are written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct S3Credentials {
    /// The id of the key.
    pub access_key: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What belongs to keys that do not last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
}

/// How objects are encrypted where they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EncryptionConfig {
    /// With whose key.
    pub server_side_encryption: EncryptionKind,
    /// The key of the key management service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
}

/// With whose key objects are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncryptionKind {
    /// The storage's own.
    #[serde(rename = "AES256")]
    Aes256,
    /// One of the key management service.
    #[serde(rename = "aws:kms")]
    Kms,
}

/// The section as it is written: it could hold half of a key, or empty names.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
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
    url_duration: Option<Life>,
    cloudfront: Option<CloudFrontConfig>,
}

impl TryFrom<Written> for S3Config {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        written.check()?;
        let config = Self {
            credentials: written.credentials()?,
            encryption: written.encryption()?,
            region: written.region,
            bucket: written.bucket,
            endpoint: written.endpoint,
            force_path_style: written.force_path_style,
            prefix: written.prefix.trim_matches('/').to_owned(),
            redirect: written.redirect.unwrap_or(true),
            url_duration: written.url_duration,
            cloudfront: written.cloudfront,
        };
        config.registry().check_address()?;
        Ok(config)
    }
}

/// Whether a prefix means the same in a key, in an address and in a listing.
fn is_plain(prefix: &str) -> bool {
    let prefix = prefix.trim_matches('/');
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "!_.()-".contains(letter);
    let named = |segment: &str| !matches!(segment, "" | "." | "..");
    let segment = |segment: &str| named(segment) && segment.chars().all(plain);
    prefix.is_empty() || prefix.split('/').all(segment)
}

impl Written {
    fn check(&self) -> Result<(), &'static str> {
        if self.region.is_empty() {
            Err("region is empty")
        } else if self.bucket.is_empty() {
            Err("bucket is empty")
        } else if self.bucket.contains('/') {
            Err("bucket is a name without slashes: what follows them belongs into prefix")
        } else if !is_plain(&self.prefix) {
            Err(
                "prefix is made of segments of ASCII letters, digits and !_.()- with single slashes between them, none of them . or ..",
            )
        } else if self.url_duration.is_some_and(|life| life.get() > LONGEST) {
            Err("url-duration is at most 168h: S3 takes no longer signature")
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
                Err("session-token is given without access-key and secret-access-key")
            }
            (true, true) => Ok(None),
            (false, false) => Ok(Some(S3Credentials {
                access_key: self.access_key.clone(),
                secret_access_key: Secret::new(self.secret_access_key.clone()),
                session_token: token.cloned().map(Secret::new),
            })),
            (false, true) => Err("access-key is given without secret-access-key"),
            (true, false) => Err("secret-access-key is given without access-key"),
        }
    }

    fn encryption(&self) -> Result<Option<EncryptionConfig>, &'static str> {
        match (self.server_side_encryption, &self.kms_key_id) {
            (None | Some(EncryptionKind::Aes256), Some(_)) => {
                Err("kms-key-id belongs to server-side-encryption: aws:kms")
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
    /// What the registry is to know of the bucket.
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
            url_duration: self.url_duration.map(Life::get),
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
