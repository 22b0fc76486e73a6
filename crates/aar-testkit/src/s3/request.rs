//! Requests to an S3 server that use nothing of the registry.

use std::{collections::BTreeMap, time::Duration};

use aar_http::{HttpClient, HttpOptions, StatusCode, header::CONTENT_LENGTH};
use aar_tls::ServerTrust;
use aar_types::Clock;
use rusty_s3::Method;
use url::Url;

use super::{Credentials, REGION, S3Server};
use crate::http::run;

const TTL: Duration = Duration::from_mins(5);

/// A request with its signature in the query.
pub(super) struct S3Request {
    method: Method,
    path: String,
    query: BTreeMap<&'static str, String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct S3Response {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl S3Request {
    /// An empty key stands for the bucket itself.
    pub(super) fn new(method: Method, bucket: &str, key: &str) -> Self {
        let path = if key.is_empty() {
            format!("/{bucket}")
        } else {
            format!("/{bucket}/{key}")
        };
        Self {
            method,
            path,
            query: BTreeMap::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn with_parameter(mut self, name: &'static str, value: &str) -> Self {
        self.query.insert(name, value.to_owned());
        self
    }

    pub(super) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn sign(&self, endpoint: &str, credentials: &Credentials, ttl: Duration) -> Url {
        let url: Url = format!("{endpoint}{}", self.path).parse().unwrap();
        let query = self.query.iter();
        let query = query.map(|(name, value)| (*name, value.as_str()));
        rusty_s3::signing::sign(
            &Clock::system().now(),
            self.method,
            url,
            &credentials.access_key,
            &credentials.secret_key,
            None,
            REGION,
            ttl.as_secs(),
            query,
            std::iter::empty(),
        )
    }

    /// `None` if the server does not respond.
    pub(super) fn send(self, server: &S3Server) -> Option<S3Response> {
        let url = self.sign(&server.endpoint(), server.owner(), TTL);
        run(async move {
            let method = match self.method {
                Method::Get => aar_http::Method::GET,
                Method::Put => aar_http::Method::PUT,
                Method::Post => aar_http::Method::POST,
                Method::Delete => aar_http::Method::DELETE,
                Method::Head => aar_http::Method::HEAD,
            };
            let length = self.body.len();
            let request = client().request(method, url).header(CONTENT_LENGTH, length);
            let response = request.body(self.body).send().await.ok()?;
            let status = response.status();
            let body = response.bytes().await.ok()?.to_vec();
            Some(S3Response { status, body })
        })
    }

    /// Sends it and returns the body of the successful response.
    pub(super) fn send_successfully(self, server: &S3Server) -> String {
        let path = self.path.clone();
        let response = self.send(server).expect("the server responds");
        let body = String::from_utf8_lossy(&response.body).into_owned();
        assert!(
            response.status.is_success(),
            "{path}: {}: {body}",
            response.status
        );
        body
    }
}

pub(crate) fn client() -> HttpClient {
    let trust = ServerTrust::Pinned(Vec::new());
    HttpClient::new(HttpOptions::new(trust, "aar-testkit")).unwrap()
}

/// The text between the tags of each element with a name. Listings have no attributes, and no element
/// inside one of the same name.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    parts.filter_map(|part| part.split(&close).next()).collect()
}

pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let found = elements(xml, name).first().copied()?;
    Some(found.replace("&amp;", "&"))
}
