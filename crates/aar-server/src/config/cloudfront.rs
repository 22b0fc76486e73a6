use serde::{Deserialize, Serialize};

use super::{Period, Secret};

/// The CDN in front of the bucket: section `storage.s3.cloudfront`.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    pub duration: Option<Period>,
}

/// The section as it is written: the address with or without scheme, the key as any text.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    base_url: String,
    private_key: String,
    keypair_id: String,
    duration: Option<Period>,
}

impl TryFrom<Written> for CloudFrontConfig {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if written.keypair_id.is_empty() {
            return Err("keypair-id is empty");
        }
        if !is_private_key(&written.private_key) {
            return Err("private-key is not a private key in PEM form");
        }
        Ok(Self {
            base_url: with_scheme(&written.base_url)?,
            private_key: Secret::new(written.private_key),
            keypair_id: written.keypair_id,
            duration: written.duration,
        })
    }
}

fn with_scheme(url: &str) -> Result<String, &'static str> {
    let (scheme, host) = url.split_once("://").unwrap_or(("https", url));
    let host = host.trim_end_matches('/');
    let good = matches!(scheme, "http" | "https")
        && !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:/".contains(&b));
    if good {
        Ok(format!("{scheme}://{host}"))
    } else {
        Err("base-url is not the address of a CloudFront distribution")
    }
}

fn is_private_key(text: &str) -> bool {
    let text = text.trim();
    ["RSA PRIVATE KEY", "PRIVATE KEY"].iter().any(|label| {
        text.starts_with(&format!("-----BEGIN {label}-----"))
            && text.ends_with(&format!("-----END {label}-----"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_with_or_without_scheme() {
        let expected = Ok("https://d1dfs.cloudfront.net".to_owned());
        for url in [
            "d1dfs.cloudfront.net",
            "https://d1dfs.cloudfront.net",
            "https://d1dfs.cloudfront.net/",
        ] {
            assert_eq!(with_scheme(url), expected);
        }
        for bad in ["", "ftp://host", "https://", "a b"] {
            assert!(with_scheme(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
