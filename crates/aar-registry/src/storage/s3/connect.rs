//! How the bucket is spoken to: addresses, time limits, retries.

mod endpoint;

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientOptions,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    client::{HttpClient, HttpConnector, ReqwestConnector},
};
use url::{Host, Url};

use super::{
    credentials::{Credentials, Source},
    limit::{Limited, Ready},
    origin::KeyOrigin,
    problem::{BucketProblem, Place},
    retry,
};
use crate::{Encryption, S3Options};

const ENCRYPTION: &str = "aws_server_side_encryption";
const CONNECT: Duration = Duration::from_secs(5);
/// Sources of credentials are near, or not there.
const NEAR: Duration = Duration::from_secs(5);

/// Everything that is needed to speak to a bucket.
pub(super) struct Connection {
    pub(super) store: AmazonS3,
    pub(super) credentials: Arc<Credentials>,
    pub(super) client: HttpClient,
    pub(super) url: Url,
    pub(super) place: Place,
}

pub(super) fn connect(options: &S3Options) -> Result<Connection, BucketProblem> {
    let address = Address::of(options).map_err(|reason| BucketProblem::Endpoint { reason })?;
    let source = Source::choose(options)
        .map_err(|reason| BucketProblem::no_credentials(&options.bucket, &reason))?;
    let place = Place {
        bucket: options.bucket.clone(),
        region: options.region.clone(),
        endpoint: address.service.clone(),
        keys: KeyOrigin::from(&source),
    };
    let other = |error: object_store::Error| place.problem("the configuration", &error);
    let near = limits().with_timeout(NEAR).with_allow_http(true);
    let near = ReqwestConnector::default().connect(&near).map_err(other)?;
    let credentials = Arc::new(Credentials::new(source, near));
    let limits = limits().with_allow_http(address.bucket.scheme() == "http");
    let client = Limited::connect(&limits).map_err(other)?;
    let store = encrypted(AmazonS3Builder::new(), options.encryption.as_ref())
        .with_region(&options.region)
        .with_bucket_name(&options.bucket)
        .with_endpoint(address.bucket.as_str().trim_end_matches('/'))
        .with_virtual_hosted_style_request(true)
        .with_credentials(Arc::clone(&credentials) as _)
        .with_client_options(limits)
        .with_http_connector(Ready(client.clone()))
        .with_retry(retry::of_store())
        .with_disable_bulk_delete(true)
        .build()
        .map_err(other)?;
    Ok(Connection {
        store,
        credentials,
        client,
        url: address.bucket,
        place,
    })
}

fn limits() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT)
        .with_user_agent(http::HeaderValue::from_static(concat!(
            "aar/",
            env!("CARGO_PKG_VERSION")
        )))
}

fn encrypted(builder: AmazonS3Builder, encryption: Option<&Encryption>) -> AmazonS3Builder {
    match encryption {
        None => builder,
        Some(Encryption::Aes256) => with(builder, ENCRYPTION, "AES256"),
        Some(Encryption::Kms { key_id: None }) => with(builder, ENCRYPTION, "aws:kms"),
        Some(Encryption::Kms { key_id: Some(id) }) => builder.with_sse_kms_encryption(id),
    }
}

/// Sets what the builder has no function for. The names are checked by a test.
fn with(builder: AmazonS3Builder, key: &str, value: &str) -> AmazonS3Builder {
    match key.parse::<AmazonS3ConfigKey>() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    }
}

/// The same for requests that are put together here.
pub(super) fn encryption_headers(encryption: Option<&Encryption>) -> Vec<(&'static str, &str)> {
    const KIND: &str = "x-amz-server-side-encryption";
    const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
    match encryption {
        None => Vec::new(),
        Some(Encryption::Aes256) => vec![(KIND, "AES256")],
        Some(Encryption::Kms { key_id }) => {
            let key = key_id.as_deref().map(|id| (KEY, id));
            [(KIND, "aws:kms")].into_iter().chain(key).collect()
        }
    }
}

impl S3Options {
    /// What is wrong with what the address of the bucket is made of, where something is.
    pub fn check_address(&self) -> Result<(), &'static str> {
        Address::of(self).map(drop)
    }
}

/// Where a bucket is.
struct Address {
    service: String,
    bucket: Url,
}

impl Address {
    fn of(options: &S3Options) -> Result<Self, &'static str> {
        check_region(&options.region)?;
        let service = match &options.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => of_aws(&options.region),
        };
        let mut bucket = endpoint::parse(&service)?;
        // A name with dots does not fit the certificate of AWS when it is a part of the host.
        if options.force_path_style || options.bucket.contains('.') {
            let path = bucket.path().trim_end_matches('/');
            bucket.set_path(&format!("{path}/{}", options.bucket));
        } else if let Some(Host::Ipv4(_) | Host::Ipv6(_)) = bucket.host() {
            return Err(endpoint::NUMBERS);
        } else {
            let host = bucket.host_str().unwrap_or_default();
            let host = format!("{}.{host}", options.bucket);
            let set = bucket.set_host(Some(&host));
            set.map_err(|_| endpoint::ADDRESS)?;
        }
        Ok(Self { service, bucket })
    }
}

/// The region is a part of addresses and signatures.
fn check_region(region: &str) -> Result<(), &'static str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let named = !region.is_empty() && region.chars().all(plain);
    named.then_some(()).ok_or(endpoint::REGION)
}

fn of_aws(region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://s3.{region}.amazonaws.com{china}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_in_the_host_or_in_the_path() {
        let aws = S3Options::new("eu-west-3", "aar0");
        let path = S3Options {
            force_path_style: true,
            ..aws.clone()
        };
        let own = S3Options {
            endpoint: Some("http://127.0.0.1:9000/".to_owned()),
            ..path.clone()
        };
        for (options, expected) in [
            (aws, "https://aar0.s3.eu-west-3.amazonaws.com/"),
            (path, "https://s3.eu-west-3.amazonaws.com/aar0"),
            (own, "http://127.0.0.1:9000/aar0"),
        ] {
            assert_eq!(Address::of(&options).unwrap().bucket.as_str(), expected);
        }
    }

    #[test]
    fn encryption_is_set_as_it_is_asked_for() {
        let key: AmazonS3ConfigKey = ENCRYPTION.parse().unwrap();
        let kms = |id: Option<&str>| Encryption::Kms {
            key_id: id.map(str::to_owned),
        };
        for (encryption, expected) in [
            (None, None),
            (Some(Encryption::Aes256), Some("AES256")),
            (Some(kms(None)), Some("aws:kms")),
            (Some(kms(Some("key"))), Some("aws:kms")),
        ] {
            let builder = encrypted(AmazonS3Builder::new(), encryption.as_ref());
            assert_eq!(builder.get_config_value(&key).as_deref(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for endpoint in ["minio:9000", "ftp://host", "http://", "https://me@host"] {
            let options = S3Options {
                endpoint: Some(endpoint.to_owned()),
                ..S3Options::new("r", "b")
            };
            assert!(connect(&options).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_names_the_key_that_is_wrong() {
        let told = |options: &S3Options| connect(options).err().unwrap().to_string();
        for endpoint in ["http://127.0.0.1:9000", "https://[::1]:9000"] {
            let options = S3Options {
                endpoint: Some(endpoint.to_owned()),
                ..S3Options::new("r", "b")
            };
            let told = told(&options);
            assert!(told.contains("storage.s3.force-path-style"), "{told}");
        }
        let told = told(&S3Options::new("eu west", "b"));
        assert!(told.contains("storage.s3.region"), "{told}");
    }
}
