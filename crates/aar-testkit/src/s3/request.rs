//! Requests to an S3 server past everything that is under test.

use std::{collections::BTreeMap, time::Duration};

use aar_http::{HttpClient, HttpOptions, StatusCode, header::CONTENT_LENGTH};
use aar_types::Clock;
use rusty_s3::Method;
use url::Url;

use super::{Credentials, REGION, S3Server};
use crate::http::run;

const LIFE: Duration = Duration::from_mins(5);

/// A request that is signed in its query.
pub(super) struct Request {
    method: Method,
    path: String,
    query: BTreeMap<&'static str, String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Answer {
    status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is(&self, status: u16) -> bool {
        self.status == status
    }
}

impl Request {
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

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.query.insert(name, value.to_owned());
        self
    }

    pub(super) fn sign(&self, endpoint: &str, credentials: &Credentials, life: Duration) -> Url {
        let url: Url = format!("{endpoint}{}", self.path).parse().unwrap();
        let query = self
            .query
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        rusty_s3::signing::sign(
            &Clock::system().now(),
            self.method,
            url,
            &credentials.access_key,
            &credentials.secret_key,
            None,
            REGION,
            life.as_secs(),
            query,
            std::iter::empty(),
        )
    }

    /// `None` where there is no answer at all.
    pub(super) fn send(self, server: &S3Server) -> Option<Answer> {
        let url = self.sign(&server.endpoint(), server.owner(), LIFE);
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
            let sent = request.body(self.body).send().await;
            let answer = sent.ok()?;
            let status = answer.status();
            let body = answer.bytes().await.ok()?.to_vec();
            Some(Answer { status, body })
        })
    }

    pub(super) fn done(self, server: &S3Server) -> String {
        let shown = self.path.clone();
        let answer = self.send(server).expect("the server answers");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status.is_success(),
            "{shown}: {}: {body}",
            answer.status
        );
        body
    }
}

pub(super) fn client() -> HttpClient {
    let trust = aar_tls::ServerTrust::Pinned(Vec::new());
    HttpClient::new(HttpOptions::new(trust, "aar-testkit")).unwrap()
}

/// What is between the tags of each element of a name. Listings hold no attributes and nothing that
/// is nested in itself.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    parts.filter_map(|part| part.split(&close).next()).collect()
}

pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let found = elements(xml, name).first().copied()?;
    Some(found.replace("&amp;", "&"))
}
