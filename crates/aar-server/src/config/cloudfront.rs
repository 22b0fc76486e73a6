use aar_registry::{CloudFrontOptions, CloudFrontProblem};
use serde::{Deserialize, Serialize};

use super::{Life, Secret};

/// The CDN in front of the bucket: section `storage.s3.cloudfront`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "Written")]
pub struct CloudFrontConfig {
    /// Its address, with scheme.
    pub base_url: String,
    /// The RSA key that signs URLs, as PEM.
    pub private_key: Secret,
    /// The id of that key.
    pub keypair_id: String,
    /// The life of a signed URL, where it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Life>,
}

/// The section as it is written: the address with or without scheme, the key as any text.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    base_url: String,
    private_key: String,
    keypair_id: String,
    duration: Option<Life>,
}

impl TryFrom<Written> for CloudFrontConfig {
    type Error = CloudFrontProblem;

    fn try_from(written: Written) -> Result<Self, CloudFrontProblem> {
        let config = Self {
            base_url: with_scheme(&written.base_url),
            private_key: Secret::new(written.private_key),
            keypair_id: written.keypair_id.trim().to_owned(),
            duration: written.duration,
        };
        config.registry().check()?;
        Ok(config)
    }
}

impl CloudFrontConfig {
    /// What the registry is to know of the CDN.
    pub(super) fn registry(&self) -> CloudFrontOptions {
        CloudFrontOptions {
            base_url: self.base_url.clone(),
            private_key: self.private_key.registry(),
            keypair_id: self.keypair_id.clone(),
            duration: self.duration.map(Life::get),
        }
    }
}

fn with_scheme(url: &str) -> String {
    let url = url.trim();
    // What is half a scheme is for the check to refuse, not to be taken for a host.
    if url.contains(":/") {
        url.to_owned()
    } else {
        format!("https://{}", url.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_with_or_without_scheme() {
        for (url, expected) in [
            ("d1dfs.cloudfront.net", "https://d1dfs.cloudfront.net"),
            (
                "https://d1dfs.cloudfront.net/eu/",
                "https://d1dfs.cloudfront.net/eu/",
            ),
            ("https://", "https://"),
            ("https:/d1", "https:/d1"),
            ("cdn.example.com/eu/", "https://cdn.example.com/eu"),
        ] {
            assert_eq!(with_scheme(url), expected);
        }
    }
}
