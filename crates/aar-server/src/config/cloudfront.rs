use aar_registry::{CloudFrontOptions, CloudFrontProblem};
use serde::{Deserialize, Serialize};

use super::{Secret, UrlTtl};

/// The section `storage.s3.cloudfront`: a CDN in front of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "CloudFrontSection")]
pub struct CloudFrontConfig {
    pub base_url: String,
    /// The RSA key that signs URLs, in PEM form.
    pub private_key: Secret,
    /// The id of that key.
    pub keypair_id: String,
    /// The time to live of a signed URL, if it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<UrlTtl>,
}

/// The section in the file: the URL may have no scheme, and nothing is checked yet.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CloudFrontSection {
    base_url: String,
    private_key: String,
    keypair_id: String,
    duration: Option<UrlTtl>,
}

impl TryFrom<CloudFrontSection> for CloudFrontConfig {
    type Error = CloudFrontProblem;

    fn try_from(section: CloudFrontSection) -> Result<Self, CloudFrontProblem> {
        let config = Self {
            base_url: with_scheme(&section.base_url),
            private_key: Secret::new(section.private_key),
            keypair_id: section.keypair_id.trim().to_owned(),
            duration: section.duration,
        };
        config.registry().check()?;
        Ok(config)
    }
}

impl CloudFrontConfig {
    pub(super) fn registry(&self) -> CloudFrontOptions {
        CloudFrontOptions {
            base_url: self.base_url.clone(),
            private_key: self.private_key.registry(),
            keypair_id: self.keypair_id.clone(),
            duration: self.duration.map(UrlTtl::get),
        }
    }
}

fn with_scheme(url: &str) -> String {
    let url = url.trim();
    // A malformed scheme must not be taken for a host: the check refuses it.
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
    fn url_is_accepted_with_and_without_scheme() {
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
