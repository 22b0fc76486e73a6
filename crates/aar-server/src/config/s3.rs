use serde::{Deserialize, Serialize};

use super::{CloudFrontConfig, Secret};

/// Images in a bucket: section `storage.s3`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "Written")]
pub struct S3Config {
    /// The region of the bucket.
    pub region: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The credentials. Without them, those of the instance's profile.
    #[serde(flatten)]
    pub credentials: Option<S3Credentials>,
    /// The CDN that serves downloads, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudfront: Option<CloudFrontConfig>,
}

/// Long-lived credentials for the bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct S3Credentials {
    /// The id of the key.
    pub access_key: String,
    /// The key.
    pub secret_access_key: Secret,
}

/// The section as it is written: it could hold half of a key, or empty names.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    region: String,
    bucket: String,
    #[serde(default)]
    access_key: String,
    #[serde(default)]
    secret_access_key: String,
    cloudfront: Option<CloudFrontConfig>,
}

impl TryFrom<Written> for S3Config {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if written.region.is_empty() {
            return Err("region is empty");
        }
        if written.bucket.is_empty() {
            return Err("bucket is empty");
        }
        Ok(Self {
            region: written.region,
            bucket: written.bucket,
            credentials: credentials(written.access_key, written.secret_access_key)?,
            cloudfront: written.cloudfront,
        })
    }
}

fn credentials(id: String, key: String) -> Result<Option<S3Credentials>, &'static str> {
    match (id.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(S3Credentials {
            access_key: id,
            secret_access_key: Secret::new(key),
        })),
        (false, true) => Err("access-key is given without secret-access-key"),
        (true, false) => Err("secret-access-key is given without access-key"),
    }
}
