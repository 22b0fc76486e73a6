//! A CDN in front of a bucket that serves objects by signed URLs with a canned policy, as CloudFront
//! does.

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, sync::Arc};

use aar_types::Clock;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri, header::HOST};
use hyper::{Request, body::Incoming};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::{
    Fault, RecordedRequest, TestCa,
    fault::{FaultPlan, RequestFilter},
    network::forward,
    server::{Handler, HttpResult, HttpServer, respond},
};
use crate::{Bucket, TestClient};

const TTL: std::time::Duration = std::time::Duration::from_mins(5);
/// The header of a PKCS#8 document around an RSA key of 2048 bits.
const PKCS8_HEADER: usize = 26;

/// An RSA key that signs URLs.
#[derive(Debug)]
pub struct SigningKey {
    id: String,
    pair: KeyPair,
}

impl SigningKey {
    pub fn new(id: &str) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        Self {
            id: id.to_owned(),
            pair,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The private key as `BEGIN PRIVATE KEY`.
    pub fn pkcs8_pem(&self) -> String {
        self.pair.serialize_pem()
    }

    /// The private key as `BEGIN RSA PRIVATE KEY`, the form in CloudFront's documentation.
    pub fn pkcs1_pem(&self) -> String {
        let der = self.pair.serialize_der();
        let text = BASE64_STANDARD.encode(&der[PKCS8_HEADER..]);
        let lines = text.as_bytes().chunks(64);
        let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
        format!(
            "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
            lines.join("\n")
        )
    }
}

#[derive(Debug)]
pub struct CloudFront {
    server: HttpServer,
    plan: FaultPlan,
    path: String,
    certificate: PathBuf,
}

impl CloudFront {
    /// Serves a bucket below a path, which is empty or begins with a slash, by URLs that the key has
    /// signed.
    pub fn start(bucket: &Bucket, path: &str, key: &SigningKey, ca: &TestCa) -> Self {
        let plan = FaultPlan::default();
        let verifier = UrlVerifier {
            key_id: key.id.clone(),
            public: key.pair.public_key_raw().to_vec(),
            path: path.to_owned(),
        };
        let origin = Origin {
            bucket: bucket.share(),
            to: bucket.server().address(),
        };
        let handler = handler(Arc::new(verifier), Arc::new(origin), plan.clone());
        let (identity, certificate) = ca.issue();
        Self {
            server: HttpServer::start_tls(&identity, handler),
            plan,
            path: path.to_owned(),
            certificate,
        }
    }

    /// Host and path without the scheme, as CloudFront displays it.
    pub fn domain(&self) -> String {
        format!("localhost:{}{}", self.server.address().port(), self.path)
    }

    /// A client of the distribution.
    pub fn http(&self) -> TestClient {
        let base = format!("https://localhost:{}", self.server.address().port());
        TestClient::new(&base, &self.certificate, None)
    }

    /// Adds faults for the next requests that the filter selects, one for each.
    pub fn next(&self, filter: RequestFilter, faults: impl IntoIterator<Item = Fault>) {
        self.plan.next(filter, faults);
    }

    /// Adds a fault for every request that the filter selects.
    pub fn each(&self, filter: RequestFilter, fault: Fault) {
        self.plan.each(filter, fault);
    }

    pub fn heal(&self) {
        self.plan.heal();
    }

    /// The requests so far, in their order, with the rejected ones.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.plan.requests()
    }
}

struct UrlVerifier {
    key_id: String,
    public: Vec<u8>,
    path: String,
}

/// The bucket behind the CDN.
struct Origin {
    bucket: Bucket,
    to: SocketAddr,
}

fn handler(verifier: Arc<UrlVerifier>, origin: Arc<Origin>, plan: FaultPlan) -> Handler {
    Arc::new(move |request, recorded| {
        let fault = plan.record(&recorded);
        let (verifier, origin) = (Arc::clone(&verifier), Arc::clone(&origin));
        Box::pin(async move {
            // The URL may expire during the delay.
            let fault = fault.delay().await;
            match verifier.object_key(&recorded) {
                Ok(key) => origin.fetch(request, &key, fault).await,
                Err(code) => respond(403, format!("<Error><Code>{code}</Code></Error>")),
            }
        })
    })
}

impl UrlVerifier {
    /// The key of the object that the signed URL of a request grants.
    fn object_key(&self, request: &RecordedRequest) -> Result<String, &'static str> {
        let mut query: BTreeMap<_, _> = request
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let mut take = |name| query.remove(name).ok_or("MissingKey");
        let (expires, signature) = (take("Expires")?, take("Signature")?);
        if take("Key-Pair-Id")? != self.key_id {
            return Err("UnknownKey");
        }
        if !query.is_empty() {
            return Err("MalformedQuery");
        }
        let host = request.headers.get("host").ok_or("NoHost")?;
        let url = format!("https://{host}{}", request.path);
        let policy = format!(
            "{{\"Statement\":[{{\"Resource\":\"{url}\",\"Condition\":{{\"DateLessThan\":\
             {{\"AWS:EpochTime\":{expires}}}}}}}]}}"
        );
        self.verify(&policy, signature)?;
        let expires: i64 = expires.parse().map_err(|_| "MalformedPolicy")?;
        if Clock::system().now().as_second() >= expires {
            return Err("AccessDenied");
        }
        let key = request.path.strip_prefix(&self.path).ok_or("NoSuchKey")?;
        Ok(key.trim_start_matches('/').to_owned())
    }

    fn verify(&self, policy: &str, signature: &str) -> Result<(), &'static str> {
        if signature.contains(['+', '=', '/', '%']) {
            return Err("MalformedSignature");
        }
        let text = signature
            .replace('-', "+")
            .replace('_', "=")
            .replace('~', "/");
        let signature = BASE64_STANDARD
            .decode(text)
            .map_err(|_| "MalformedSignature")?;
        let algorithm = &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        let key = UnparsedPublicKey::new(algorithm, &self.public);
        let result = key.verify(policy.as_bytes(), &signature);
        result.map_err(|_| "InvalidSignature")
    }
}

impl Origin {
    async fn fetch(&self, mut request: Request<Incoming>, key: &str, fault: Fault) -> HttpResult {
        let url = self.bucket.presigned(key, TTL);
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        *request.uri_mut() = target.parse::<Uri>().map_err(io::Error::other)?;
        let host = HeaderValue::from_str(&self.to.to_string()).map_err(io::Error::other)?;
        request.headers_mut().insert(HOST, host);
        forward(self.to, request, fault).await
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::RsaKeyPair;

    use super::*;

    fn verifier(key: &SigningKey) -> UrlVerifier {
        UrlVerifier {
            key_id: key.id.clone(),
            public: key.pair.public_key_raw().to_vec(),
            path: "/images".to_owned(),
        }
    }

    fn request(query: String) -> RecordedRequest {
        RecordedRequest {
            method: "GET".to_owned(),
            path: "/images/blobs/a".to_owned(),
            query,
            headers: BTreeMap::from([("host".to_owned(), "localhost:1".to_owned())]),
            certificate: false,
        }
    }

    #[test]
    fn url_without_a_valid_signature_is_rejected() {
        let key = SigningKey::new("K1");
        let verifier = verifier(&key);
        let signed = "Expires=10&Signature=aGVsbG8_&Key-Pair-Id=K1";
        assert_eq!(
            verifier.object_key(&request(signed.to_owned())),
            Err("InvalidSignature")
        );
        let other = signed.replace("K1", "K2");
        assert_eq!(verifier.object_key(&request(other)), Err("UnknownKey"));
        assert_eq!(
            verifier.object_key(&request(String::new())),
            Err("MissingKey")
        );
    }

    #[test]
    fn private_key_is_the_same_in_both_pem_forms() {
        let key = SigningKey::new("K1");
        let pem = key.pkcs1_pem();
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(text).unwrap();
        let read = RsaKeyPair::from_der(&der).unwrap();
        assert_eq!(read.public_modulus_len(), 256);
        assert!(key.pkcs8_pem().starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}
