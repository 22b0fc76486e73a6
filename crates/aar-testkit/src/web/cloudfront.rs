//! A CDN in front of a bucket that hands out what a signed URL entitles to, as CloudFront does with
//! a canned policy.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use aar_types::Clock;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri, header::HOST};
use hyper::{Request, body::Incoming};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::{
    Fault, Seen, TestCa,
    fault::{Plan, Which},
    network::pass,
    serve::{Answer, Failure, Handler, Serving, say},
};
use crate::{Bucket, TestClient};

const LIFE: std::time::Duration = std::time::Duration::from_mins(5);
/// The header of a PKCS#8 document around an RSA key of 2048 bits.
const PKCS8_HEADER: usize = 26;

/// An RSA key that signs URLs.
#[derive(Debug)]
pub struct SigningKey {
    id: String,
    pair: KeyPair,
}

impl SigningKey {
    /// Makes one.
    pub fn new(id: &str) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        Self {
            id: id.to_owned(),
            pair,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The private key as `BEGIN PRIVATE KEY`.
    pub fn pkcs8_pem(&self) -> String {
        self.pair.serialize_pem()
    }

    /// The private key as `BEGIN RSA PRIVATE KEY`, the form that CloudFront's own pages show.
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

/// A distribution.
#[derive(Debug)]
pub struct CloudFront {
    serving: Serving,
    plan: Plan,
    path: String,
    certificate: PathBuf,
}

impl CloudFront {
    /// Serves a bucket below a path, which is empty or begins with a slash, to whoever shows a URL
    /// that was signed with the key.
    pub fn start(bucket: &Bucket, path: &str, key: &SigningKey, ca: &TestCa) -> Self {
        let plan = Plan::default();
        let gate = Gate {
            key_id: key.id.clone(),
            public: key.pair.public_key_raw().to_vec(),
            path: path.to_owned(),
        };
        let origin = Origin {
            bucket: bucket.another(),
            to: bucket.server().address(),
        };
        let handler = answering(Arc::new(gate), Arc::new(origin), plan.clone());
        let (identity, certificate) = ca.issue();
        Self {
            serving: Serving::tls(&identity, handler),
            plan,
            path: path.to_owned(),
            certificate,
        }
    }

    /// Its address without the scheme, as its pages show it.
    pub fn domain(&self) -> String {
        format!("localhost:{}{}", self.serving.address().port(), self.path)
    }

    /// A client of it.
    pub fn http(&self) -> TestClient {
        let base = format!("https://localhost:{}", self.serving.address().port());
        TestClient::new(&base, &self.certificate, None)
    }

    /// Gives faults to the next requests, one to each.
    pub fn next(&self, which: Which, faults: impl IntoIterator<Item = Fault>) {
        self.plan.next(which, faults);
    }

    /// Gives a fault to each request of a kind.
    pub fn each(&self, which: Which, fault: Fault) {
        self.plan.each(which, fault);
    }

    /// Works again.
    pub fn heal(&self) {
        self.plan.heal();
    }

    /// The requests that came, in their order, those that were refused among them.
    pub fn seen(&self) -> Vec<Seen> {
        self.plan.seen()
    }
}

/// Who gets in.
struct Gate {
    key_id: String,
    public: Vec<u8>,
    path: String,
}

/// Where the content comes from.
struct Origin {
    bucket: Bucket,
    to: SocketAddr,
}

fn answering(gate: Arc<Gate>, origin: Arc<Origin>, plan: Plan) -> Handler {
    Arc::new(move |request, seen| {
        let fault = plan.meet(&seen);
        let (gate, origin) = (Arc::clone(&gate), Arc::clone(&origin));
        Box::pin(async move {
            // A request that takes its time may find the door shut.
            let fault = fault.wait().await;
            match gate.admit(&seen) {
                Ok(key) => origin.fetch(request, &key, fault).await,
                Err(why) => say(403, format!("<Error><Code>{why}</Code></Error>")),
            }
        })
    })
}

impl Gate {
    /// The key of the object that a request is entitled to.
    fn admit(&self, seen: &Seen) -> Result<String, &'static str> {
        let mut query: BTreeMap<_, _> = seen
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
        let host = seen.headers.get("host").ok_or("NoHost")?;
        let url = format!("https://{host}{}", seen.path);
        let policy = format!(
            "{{\"Statement\":[{{\"Resource\":\"{url}\",\"Condition\":{{\"DateLessThan\":\
             {{\"AWS:EpochTime\":{expires}}}}}}}]}}"
        );
        self.verify(&policy, signature)?;
        let expires: i64 = expires.parse().map_err(|_| "MalformedPolicy")?;
        if Clock::system().now().as_second() >= expires {
            return Err("AccessDenied");
        }
        let key = seen.path.strip_prefix(&self.path).ok_or("NoSuchKey")?;
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
        let checked = key.verify(policy.as_bytes(), &signature);
        checked.map_err(|_| "InvalidSignature")
    }
}

impl Origin {
    async fn fetch(&self, mut request: Request<Incoming>, key: &str, fault: Fault) -> Answer {
        let url = self.bucket.presigned(key, LIFE);
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        *request.uri_mut() = target.parse::<Uri>().map_err(Failure::other)?;
        let host = HeaderValue::from_str(&self.to.to_string()).map_err(Failure::other)?;
        request.headers_mut().insert(HOST, host);
        pass(self.to, request, fault).await
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::RsaKeyPair;

    use super::*;

    fn gate(key: &SigningKey) -> Gate {
        Gate {
            key_id: key.id.clone(),
            public: key.pair.public_key_raw().to_vec(),
            path: "/images".to_owned(),
        }
    }

    fn asked(query: String) -> Seen {
        Seen {
            method: "GET".to_owned(),
            path: "/images/blobs/a".to_owned(),
            query,
            headers: BTreeMap::from([("host".to_owned(), "localhost:1".to_owned())]),
            certificate: false,
        }
    }

    #[test]
    fn nobody_gets_in_without_a_good_signature() {
        let key = SigningKey::new("K1");
        let gate = gate(&key);
        let late = "Expires=10&Signature=aGVsbG8_&Key-Pair-Id=K1";
        assert_eq!(gate.admit(&asked(late.to_owned())), Err("InvalidSignature"));
        let other = late.replace("K1", "K2");
        assert_eq!(gate.admit(&asked(other)), Err("UnknownKey"));
        assert_eq!(gate.admit(&asked(String::new())), Err("MissingKey"));
    }

    #[test]
    fn both_forms_of_the_private_key_are_the_same_key() {
        let key = SigningKey::new("K1");
        let pem = key.pkcs1_pem();
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(text).unwrap();
        let read = RsaKeyPair::from_der(&der).unwrap();
        assert_eq!(read.public_modulus_len(), 256);
        assert!(key.pkcs8_pem().starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}
