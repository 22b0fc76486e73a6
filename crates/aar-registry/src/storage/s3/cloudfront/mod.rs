//! URLs signed for CloudFront with a canned policy: one resource and an expiry time.
//!
//! CloudFront derives the text of the policy from the URL, so every byte counts. It checks RSA signatures
//! with SHA-1. The expiry time is absolute: a slow clock shortens the time to live of a URL.

mod key;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, rand_core::OsRng};
use sha1::{Digest as _, Sha1};
use url::Url;

use super::ttl;
use crate::{BucketProblem, CloudFrontOptions, CloudFrontProblem, Error};

/// The largest difference of the clocks that is not logged.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

pub(super) struct CloudFront {
    base: Url,
    key: RsaPrivateKey,
    keypair_id: String,
    duration: Option<Duration>,
}

impl CloudFrontOptions {
    /// Whether URLs can be signed with these options.
    pub fn check(&self) -> Result<(), CloudFrontProblem> {
        CloudFront::new(self).map(drop)
    }
}

impl std::fmt::Debug for CloudFront {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CloudFront({} by {})", self.base, self.keypair_id)
    }
}

impl CloudFront {
    pub(super) fn new(options: &CloudFrontOptions) -> Result<Self, CloudFrontProblem> {
        let keypair_id = options.keypair_id.trim();
        if keypair_id.is_empty() {
            return Err(CloudFrontProblem::NoKeyPairId);
        }
        if !keypair_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(CloudFrontProblem::KeyPairId);
        }
        Ok(Self {
            base: base_url(&options.base_url)?,
            key: key::private_key(options.private_key.expose())?,
            keypair_id: keypair_id.to_owned(),
            duration: options.duration,
        })
    }

    /// A URL for an object of this size, valid from now on.
    pub(super) fn url(&self, key: &str, size: u64, now: Timestamp) -> Result<Url, Error> {
        let ttl = ttl::of_url(size, self.duration);
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
        let expires = now.saturating_add(ttl).unwrap_or(Timestamp::MAX);
        self.sign(key, expires.as_second())
    }

    /// Refuses a clock with which every URL would expire before use. A URL expires earlier if the clock is
    /// behind that of the service, and later if it is ahead.
    pub(super) fn check_clock(
        &self,
        behind: SignedDuration,
        endpoint: &str,
    ) -> Result<(), BucketProblem> {
        let late = Duration::try_from(behind).unwrap_or_default();
        if let Some(ttl) = self.duration
            && late >= ttl
        {
            return Err(BucketProblem::ClockBehind {
                endpoint: endpoint.to_owned(),
                behind: late.as_secs(),
                ttl: ttl.as_secs(),
            });
        }
        if behind.abs() > CLOCK_TOLERANCE {
            tracing::warn!(
                endpoint,
                behind_seconds = behind.as_secs(),
                "the clocks differ, so CloudFront URLs live shorter or longer than configured"
            );
        }
        Ok(())
    }

    fn sign(&self, key: &str, expires: i64) -> Result<Url, Error> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{key}", url.path().trim_end_matches('/')));
        let policy = policy(url.as_str(), expires);
        // Blinding protects the key from timing attacks.
        let digest = Sha1::digest(policy.as_bytes());
        let padding = Pkcs1v15Sign::new::<Sha1>();
        let signed = self.key.sign_with_rng(&mut OsRng, padding, &digest);
        let signature = signed.map_err(|source| Error::Signature {
            source: source.into(),
        })?;
        let (signature, id) = (encode(&signature), &self.keypair_id);
        let query = format!("Expires={expires}&Signature={signature}&Key-Pair-Id={id}");
        url.set_query(Some(&query));
        Ok(url)
    }
}

fn policy(resource: &str, expires: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    )
}

/// Base64 in the alphabet of CloudFront.
fn encode(signature: &[u8]) -> String {
    BASE64_STANDARD
        .encode(signature)
        .replace('+', "-")
        .replace('=', "_")
        .replace('/', "~")
}

fn base_url(text: &str) -> Result<Url, CloudFrontProblem> {
    let problem = CloudFrontProblem::Address;
    let text = text.trim();
    let url = match text.split_once("://") {
        // The parser repairs URLs with too few or too many slashes.
        Some((_, rest)) if rest.starts_with('/') => return Err(problem),
        None if text.contains(":/") => return Err(problem),
        Some(_) => Url::parse(text),
        None => Url::parse(&format!("https://{text}")),
    };
    let url = url.map_err(|_| CloudFrontProblem::Address)?;
    if url.scheme() == "http" {
        return Err(CloudFrontProblem::NotEncrypted);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CloudFrontProblem::Password);
    }
    let is_plain = url.query().is_none() && url.fragment().is_none();
    if url.scheme() == "https" && url.has_host() && is_plain {
        Ok(url)
    } else {
        Err(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    const KEYS: [&str; 2] = [
        include_str!("../testdata/pkcs1.pem"),
        include_str!("../testdata/pkcs8.pem"),
    ];

    fn options(base_url: &str, private_key: &str) -> CloudFrontOptions {
        CloudFrontOptions {
            base_url: base_url.to_owned(),
            private_key: Secret::new(private_key),
            keypair_id: "K2JCJMDEHXQW5F".to_owned(),
            duration: None,
        }
    }

    /// Each line is the output of botocore with the same key: resource, expiry time, URL.
    #[test]
    fn urls_are_those_of_botocore() {
        for line in include_str!("../testdata/urls.txt").lines() {
            let [resource, expires, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let (base, path) = resource.split_once("/blobs/").unwrap();
            for key in KEYS {
                let signer = CloudFront::new(&options(base, key)).unwrap();
                let url = signer.sign(&format!("blobs/{path}"), expires.parse().unwrap());
                assert_eq!(url.unwrap().as_str(), expected);
            }
        }
    }

    #[test]
    fn policy_is_the_canned_one() {
        let expected = r#"{"Statement":[{"Resource":"https://d.cloudfront.net/a","Condition":{"DateLessThan":{"AWS:EpochTime":1700000000}}}]}"#;
        let made = policy("https://d.cloudfront.net/a", 1_700_000_000);
        assert_eq!(made, expected);
    }

    #[test]
    fn distribution_is_named_in_many_forms() {
        for (text, expected) in [
            ("d1dfs.cloudfront.net", "https://d1dfs.cloudfront.net/k"),
            (
                "https://d1dfs.cloudfront.net/",
                "https://d1dfs.cloudfront.net/k",
            ),
            (
                "cdn.example.com/eu/images",
                "https://cdn.example.com/eu/images/k",
            ),
            (
                "https://cdn.example.com:8443/eu/",
                "https://cdn.example.com:8443/eu/k",
            ),
        ] {
            let signer = CloudFront::new(&options(text, KEYS[0])).unwrap();
            let url = signer.sign("k", 0).unwrap();
            assert_eq!(url.as_str().split('?').next(), Some(expected));
        }
    }

    #[test]
    fn unusable_options_are_refused_by_name() {
        let refused = |options: &CloudFrontOptions| CloudFront::new(options).unwrap_err();
        let good = options("d.cloudfront.net", KEYS[0]);
        let with = |change: fn(&mut CloudFrontOptions)| {
            let mut options = good.clone();
            change(&mut options);
            refused(&options)
        };
        let url = with(|options| options.base_url = "http://d.cloudfront.net".to_owned());
        assert_eq!(url, CloudFrontProblem::NotEncrypted);
        for none in [
            "ftp://d.net",
            "https://",
            "https:/d.net",
            "https:///d.net",
            "https:d.net",
        ] {
            let url = refused(&options(none, KEYS[0]));
            assert_eq!(url, CloudFrontProblem::Address, "{none}");
        }
        for named in ["https://me:hush@d.net", "me:hush@d.net", "https://me@d.net"] {
            let url = refused(&options(named, KEYS[0]));
            assert_eq!(url, CloudFrontProblem::Password, "{named}");
            assert!(!format!("{url} {url:?}").contains("hush"));
        }
        let id = with(|options| options.keypair_id = " ".to_owned());
        assert_eq!(id, CloudFrontProblem::NoKeyPairId);
        let id = with(|options| options.keypair_id = "K2&x".to_owned());
        assert_eq!(id, CloudFrontProblem::KeyPairId);
        let key = with(|options| options.private_key = Secret::new("-----BEGIN NOTHING-----"));
        assert_eq!(key, CloudFrontProblem::PrivateKey);
        assert!(!key.to_string().contains("NOTHING"));
    }

    #[test]
    fn clock_with_which_every_url_would_expire_before_use_is_refused() {
        let check = |duration: Option<u64>, behind: i64| {
            let mut options = options("d.cloudfront.net", KEYS[0]);
            options.duration = duration.map(Duration::from_secs);
            let cloudfront = CloudFront::new(&options).unwrap();
            cloudfront.check_clock(SignedDuration::from_secs(behind), "https://s3")
        };
        for (duration, behind) in [
            (Some(60), 0),
            (Some(60), 59),
            (Some(60), -600),
            (Some(600), 599),
            (None, 600),
        ] {
            assert_eq!(check(duration, behind), Ok(()), "{duration:?} {behind}");
        }
        let refused = check(Some(60), 75).unwrap_err().to_string();
        for named in ["75 s behind", "https://s3", "live 60 s", "set the clock"] {
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn private_key_is_not_shown() {
        let options = options("d.cloudfront.net", KEYS[1]);
        let shown = format!("{options:?} {:?}", CloudFront::new(&options).unwrap());
        assert!(
            !shown.contains("BEGIN") && !shown.contains("MII"),
            "{shown}"
        );
    }
}
