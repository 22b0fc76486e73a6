//! The address of a bucket.

use url::{Host, Url};

use crate::S3Options;

// The message does not repeat the configured value, which may hold a password.
const NO_URL: &str = "endpoint is an address that begins with https:// or http://";
const PASSWORD: &str = "endpoint has a user or a password in it: \
                        write them as access-key and secret-access-key";
const IP_ADDRESS: &str = "force-path-style has to be true: endpoint is an IP address, which the name \
                          of the bucket cannot be a part of";
const REGION: &str = "region is a name of letters, digits and -, such as eu-west-3";
const QUERY: &str = "endpoint ends with its path: leave out what begins with ? or #";

impl S3Options {
    /// Checks the address of the bucket. The error is a sentence without its subject `storage.s3.`.
    pub fn check_address(&self) -> Result<(), &'static str> {
        BucketAddress::of(self).map(drop)
    }
}

#[derive(Debug)]
pub(in super::super) struct BucketAddress {
    pub(in super::super) endpoint: String,
    pub(in super::super) url: Url,
}

impl BucketAddress {
    pub(in super::super) fn of(options: &S3Options) -> Result<Self, &'static str> {
        check_region(&options.region)?;
        let endpoint = match &options.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => aws_endpoint(&options.region),
        };
        let mut url = parse(&endpoint)?;
        // In a host, a name with dots does not match the certificate of AWS, and capitals are lost.
        let has_own_path = |letter: char| letter == '.' || letter.is_ascii_uppercase();
        if options.force_path_style || options.bucket.contains(has_own_path) {
            let path = url.path().trim_end_matches('/');
            url.set_path(&format!("{path}/{}", options.bucket));
        } else if let Some(Host::Ipv4(_) | Host::Ipv6(_)) = url.host() {
            return Err(IP_ADDRESS);
        } else {
            let host = url.host_str().unwrap_or_default();
            let host = format!("{}.{host}", options.bucket);
            url.set_host(Some(&host)).map_err(|_| NO_URL)?;
        }
        Ok(Self { endpoint, url })
    }
}

/// The region is a part of addresses and signatures.
fn check_region(region: &str) -> Result<(), &'static str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_region = !region.is_empty() && region.chars().all(is_plain);
    is_region.then_some(()).ok_or(REGION)
}

fn aws_endpoint(region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://s3.{region}.amazonaws.com{china}")
}

fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| NO_URL)?;
    let (_, after) = text.split_once(':').unwrap_or_default();
    // The parser repairs addresses with too few or too many slashes.
    let is_complete = after.starts_with("//") && !after.starts_with("///") && url.has_host();
    if !is_complete || !matches!(url.scheme(), "http" | "https") {
        Err(NO_URL)
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(PASSWORD)
    } else if url.query().is_some() || url.fragment().is_some() {
        Err(QUERY)
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(endpoint: &str) -> S3Options {
        S3Options {
            endpoint: Some(endpoint.to_owned()),
            ..S3Options::new("r", "b")
        }
    }

    #[test]
    fn bucket_is_named_in_the_host_or_in_the_path() {
        let aws = S3Options::new("eu-west-3", "aar0");
        let in_path = S3Options {
            force_path_style: true,
            ..aws.clone()
        };
        let own = S3Options {
            endpoint: Some("http://127.0.0.1:9000/".to_owned()),
            ..in_path.clone()
        };
        for (options, expected) in [
            (aws, "https://aar0.s3.eu-west-3.amazonaws.com/"),
            (in_path, "https://s3.eu-west-3.amazonaws.com/aar0"),
            (own, "http://127.0.0.1:9000/aar0"),
            (
                S3Options::new("us-east-1", "Images"),
                "https://s3.us-east-1.amazonaws.com/Images",
            ),
        ] {
            assert_eq!(BucketAddress::of(&options).unwrap().url.as_str(), expected);
        }
    }

    #[test]
    fn endpoint_has_a_scheme_a_host_and_perhaps_a_path() {
        for good in [
            "https://s3.example.com",
            "HTTPS://s3.example.com",
            "http://127.0.0.1:9000/",
            "http://[::1]:9000/s3",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, problem) in [
            ("minio:9000", NO_URL),
            ("ftp://host", NO_URL),
            ("http://", NO_URL),
            ("https:/host", NO_URL),
            ("https:///host", NO_URL),
            ("https://me@host", PASSWORD),
            ("https://:hush@host", PASSWORD),
            ("https://host/?x", QUERY),
            ("https://host#x", QUERY),
        ] {
            assert_eq!(parse(bad), Err(problem), "{bad}");
            let refused = at(bad).check_address();
            assert_eq!(refused, Err(problem), "{bad}");
        }
    }

    #[test]
    fn ip_address_without_path_style_is_refused() {
        for endpoint in ["http://127.0.0.1:9000", "https://[::1]:9000"] {
            assert_eq!(at(endpoint).check_address(), Err(IP_ADDRESS));
        }
    }

    #[test]
    fn region_that_is_no_name_is_refused() {
        let refused = S3Options::new("eu west", "b").check_address();
        assert_eq!(refused, Err(REGION));
    }
}
