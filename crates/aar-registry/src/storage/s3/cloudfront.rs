//! Addresses signed for CloudFront, by a canned policy: one resource, one end.
//!
//! The policy is text that CloudFront makes again from the address, so every byte of it counts. It
//! is signed with RSA and SHA-1, because that is what CloudFront checks. The end is absolute, so a
//! clock that is slow shortens the life of an address, and nothing has to be dated back.

mod key;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, rand_core::OsRng};
use sha1::{Digest as _, Sha1};
use url::Url;

use super::{BucketProblem, life};
use crate::{CloudFrontOptions, Error};

/// What clocks may differ without a word.
const CLOCKS_AGREE: SignedDuration = SignedDuration::from_mins(1);

/// What is wrong with what the configuration says of CloudFront.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudFrontProblem {
    /// The address is none.
    // What it says is not repeated: it may have a password in it.
    #[error(
        "base-url is not the address of a distribution: write its name, or https:// and its name"
    )]
    Address,
    /// The address has somebody's name or password in it.
    #[error("base-url has a user or a password in it: nothing but the address goes there")]
    Password,
    /// The address is not encrypted.
    #[error(
        "base-url begins with http://: signed addresses are only as secret \
         as the way they take, write https:// or leave the scheme out"
    )]
    NotEncrypted,
    /// There is no key pair id.
    #[error("keypair-id is empty: write the id that CloudFront shows")]
    NoKeyPairId,
    /// The key pair id is none.
    #[error(
        "keypair-id has other characters than letters and digits: write the id that CloudFront shows"
    )]
    KeyPairId,
    /// The key is encrypted.
    #[error(
        "private-key is encrypted: write it without its password, as \
         `openssl pkey -in key.pem` shows it"
    )]
    EncryptedKey,
    /// The key is shorter than CloudFront takes.
    #[error("private-key has {bits} bits: CloudFront takes 2048 or more")]
    ShortKey {
        /// How many it has.
        bits: usize,
    },
    /// The key cannot be read.
    #[error("private-key is not an RSA private key in PEM form (PKCS#1 or PKCS#8)")]
    PrivateKey,
}

/// Signs addresses.
pub(crate) struct CloudFront {
    base: Url,
    key: RsaPrivateKey,
    keypair_id: String,
    duration: Option<Duration>,
}

impl std::fmt::Debug for CloudFront {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CloudFront({} by {})", self.base, self.keypair_id)
    }
}

impl CloudFront {
    pub(crate) fn new(options: &CloudFrontOptions) -> Result<Self, CloudFrontProblem> {
        let keypair_id = options.keypair_id.trim();
        if keypair_id.is_empty() {
            return Err(CloudFrontProblem::NoKeyPairId);
        }
        if !keypair_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(CloudFrontProblem::KeyPairId);
        }
        Ok(Self {
            base: base(&options.base_url)?,
            key: key::private_key(options.private_key.expose())?,
            keypair_id: keypair_id.to_owned(),
            duration: options.duration,
        })
    }

    /// The address under which an object of this size can be fetched from now on.
    pub(super) fn address(&self, path: &str, size: u64, now: Timestamp) -> Result<Url, Error> {
        let life = life::of_address(size, self.duration);
        let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
        let end = now.saturating_add(life).unwrap_or(Timestamp::MAX);
        self.sign(path, end.as_second())
    }

    /// Compares the clock with that of a service. Where it is behind addresses live shorter, where
    /// it is ahead longer than they should. The other end of an address is beyond correction, so a
    /// registry that could only give out addresses which have ended does not start.
    pub(super) fn check_clock(
        &self,
        behind: SignedDuration,
        endpoint: &str,
    ) -> Result<(), BucketProblem> {
        let seconds = behind.as_secs();
        let late = Duration::try_from(behind).unwrap_or_default();
        if let Some(life) = self.duration
            && late >= life
        {
            return Err(BucketProblem::ClockBehind {
                endpoint: endpoint.to_owned(),
                behind: late.as_secs(),
                life: life.as_secs(),
            });
        }
        if behind.abs() > CLOCKS_AGREE {
            tracing::warn!(
                endpoint,
                behind_seconds = seconds,
                "the clock of this machine differs, so addresses of CloudFront live shorter or longer than they should"
            );
        }
        Ok(())
    }

    fn sign(&self, path: &str, end: i64) -> Result<Url, Error> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        let policy = policy(url.as_str(), end);
        // Blinding keeps the time that signing takes from telling anything of the key.
        let digest = Sha1::digest(policy.as_bytes());
        let padding = Pkcs1v15Sign::new::<Sha1>();
        let signed = self.key.sign_with_rng(&mut OsRng, padding, &digest);
        let signature = signed.map_err(|source| Error::Signature {
            source: source.into(),
        })?;
        let (signature, id) = (encode(&signature), &self.keypair_id);
        let query = format!("Expires={end}&Signature={signature}&Key-Pair-Id={id}");
        url.set_query(Some(&query));
        Ok(url)
    }
}

fn policy(resource: &str, end: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{end}}}}}}}]}}"#
    )
}

/// Base64 in the letters that CloudFront wants in an address.
fn encode(signature: &[u8]) -> String {
    BASE64_STANDARD
        .encode(signature)
        .replace('+', "-")
        .replace('=', "_")
        .replace('/', "~")
}

fn base(text: &str) -> Result<Url, CloudFrontProblem> {
    let problem = CloudFrontProblem::Address;
    let text = text.trim();
    let url = match text.split_once("://") {
        // Half an address is completed by the parser.
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
    let plain = url.query().is_none() && url.fragment().is_none();
    if url.scheme() == "https" && url.has_host() && plain {
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
        include_str!("testdata/pkcs1.pem"),
        include_str!("testdata/pkcs8.pem"),
    ];

    fn options(base_url: &str, private_key: &str) -> CloudFrontOptions {
        CloudFrontOptions {
            base_url: base_url.to_owned(),
            private_key: Secret::new(private_key),
            keypair_id: "K2JCJMDEHXQW5F".to_owned(),
            duration: None,
        }
    }

    /// Each line is what another implementation made of the same key: resource, end, address.
    #[test]
    fn addresses_are_those_that_botocore_makes() {
        for line in include_str!("testdata/urls.txt").lines() {
            let [resource, end, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let (base, path) = resource.split_once("/blobs/").unwrap();
            for key in KEYS {
                let signer = CloudFront::new(&options(base, key)).unwrap();
                let url = signer.sign(&format!("blobs/{path}"), end.parse().unwrap());
                assert_eq!(url.unwrap().as_str(), expected);
            }
        }
    }

    #[test]
    fn the_policy_is_the_canned_one() {
        let expected = r#"{"Statement":[{"Resource":"https://d.cloudfront.net/a","Condition":{"DateLessThan":{"AWS:EpochTime":1700000000}}}]}"#;
        let made = policy("https://d.cloudfront.net/a", 1_700_000_000);
        assert_eq!(made, expected);
    }

    #[test]
    fn the_address_of_a_distribution_has_many_forms() {
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
    fn what_cannot_work_stops_the_start_with_a_sentence() {
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
    fn a_clock_by_which_every_address_has_ended_already_is_refused() {
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
        for told in ["75 s behind", "https://s3", "live 60 s", "set the clock"] {
            assert!(refused.contains(told), "{refused}");
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let options = options("d.cloudfront.net", KEYS[1]);
        let shown = format!("{options:?} {:?}", CloudFront::new(&options).unwrap());
        assert!(
            !shown.contains("BEGIN") && !shown.contains("MII"),
            "{shown}"
        );
    }
}
