//! An S3 client: signed requests to one bucket, with retries and time limits.

mod address;
mod error;
mod in_flight;
mod request;
mod response;
mod retry;
mod signing;
mod time_limit;

use std::{env, sync::Arc, time::Duration};

use aar_http::{Body, HttpClient, HttpOptions, ProxySettings};
use aar_tls::ServerTrust;
use aar_types::Clock;
use bytes::Bytes;
use http::{Method, Request, header::CONTENT_LENGTH};
use tokio::time::Instant;
use url::Url;

use self::{
    in_flight::BytesInFlight,
    request::object_url,
    signing::Signer,
    time_limit::{RESPONSE, within},
};
use super::credentials::{CredentialCache, SigningKeys};
use crate::{S3Options, metrics::RequestMetrics};

pub(super) use self::{
    address::BucketAddress,
    error::S3Error,
    request::{RequestBody, S3Request},
    response::{S3Response, content_length, etag, last_modified},
    retry::{Retries, RetryPolicy},
};

const CONNECT: Duration = Duration::from_secs(5);

/// A client for one bucket. Clones share connections and credentials.
#[derive(Debug, Clone)]
pub(super) struct S3Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: HttpClient,
    bucket: Url,
    region: String,
    credentials: CredentialCache,
    retry_for: Duration,
    in_flight: BytesInFlight,
    metrics: RequestMetrics,
}

/// An HTTP client for buckets and issuers of credentials.
pub(super) fn http_client() -> Result<HttpClient, aar_http::Error> {
    let user_agent = concat!("aar/", env!("CARGO_PKG_VERSION"));
    HttpClient::new(HttpOptions {
        connect_timeout: CONNECT,
        // The callers have their own time limits.
        read_timeout: None,
        proxy: proxy_of_environment(),
        ..HttpOptions::new(ServerTrust::WebPki, user_agent)
    })
}

fn proxy_of_environment() -> ProxySettings {
    let variable = |name: &str| {
        let value = env::var(name)
            .or_else(|_| env::var(name.to_lowercase()))
            .ok();
        value.filter(|value| !value.is_empty())
    };
    let proxy = |name| {
        variable(name)
            .or_else(|| variable("ALL_PROXY"))?
            .parse()
            .ok()
    };
    ProxySettings {
        http: proxy("HTTP_PROXY"),
        https: proxy("HTTPS_PROXY"),
        ignore_hosts: variable("NO_PROXY").unwrap_or_default(),
    }
}

impl S3Client {
    pub(super) fn new(
        http: HttpClient,
        bucket: Url,
        options: &S3Options,
        credentials: CredentialCache,
    ) -> Self {
        Self(Arc::new(Inner {
            http,
            bucket,
            region: options.region.clone(),
            credentials,
            retry_for: options.retry_for,
            in_flight: BytesInFlight::default(),
            metrics: RequestMetrics::default(),
        }))
    }

    pub(super) fn retries(&self, policy: RetryPolicy) -> Retries {
        Retries::new(policy, self.0.retry_for, self.0.metrics.clone())
    }

    /// Sends a request, retries transient errors, and returns the response if it is a success.
    pub(super) async fn send(&self, request: &S3Request<'_>) -> Result<S3Response, S3Error> {
        let mut retries = self.retries(request.retry);
        loop {
            match self.send_once(request).await {
                Err(error) if retries.retry_after(&error).await => {}
                ended => return ended,
            }
        }
    }

    pub(super) async fn send_once(&self, request: &S3Request<'_>) -> Result<S3Response, S3Error> {
        let http_request = self.sign(request).await?;
        let response = async {
            let response = self.0.http.execute(http_request).await?;
            S3Response::read(response).await?.checked()
        };
        self.measured(request, response).await
    }

    /// Ends a request after its time limit, and counts it.
    async fn measured<T>(
        &self,
        request: &S3Request<'_>,
        response: impl Future<Output = Result<T, S3Error>>,
    ) -> Result<T, S3Error> {
        let begun = Instant::now();
        let ended = within(&self.0.in_flight, request, response).await;
        self.0
            .metrics
            .observe(name_of(&request.method), begun, &ended);
        ended
    }

    pub(super) fn metrics(&self) -> &RequestMetrics {
        &self.0.metrics
    }

    /// Starts to read an object. Returns when the head of the response has arrived.
    pub(super) async fn open_once(
        &self,
        request: &S3Request<'_>,
    ) -> Result<ObjectResponse, S3Error> {
        let http_request = self.sign(request).await?;
        let response = async {
            let response = self.0.http.execute(http_request).await?;
            if response.status().is_success() {
                return Ok(ObjectResponse(response));
            }
            let response = S3Response::read(response).await?;
            Err(S3Error::Refused(response.refusal()))
        };
        self.measured(request, response).await
    }

    async fn sign(&self, request: &S3Request<'_>) -> Result<Request<Body>, S3Error> {
        let keys = self.keys().await?;
        let url = request.url(&self.0.bucket);
        let mut http = Request::builder()
            .method(request.method.clone())
            .uri(url.as_str());
        for (name, value) in request.headers {
            http = http.header(*name, *value);
        }
        let body = request.body.to_http();
        let mut http = http.body(body).map_err(aar_http::Error::from)?;
        self.signer(&keys).sign(&mut http, &request.body)?;
        if matches!(request.method, Method::PUT | Method::POST) {
            let length = request.body.length;
            http.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        Ok(http)
    }

    /// A URL with which every client can fetch an object until it expires. `ttl` gets the remaining time of
    /// the credentials, if it is limited: the URL expires with them.
    pub(super) async fn presign(
        &self,
        key: &str,
        ttl: impl FnOnce(Option<Duration>) -> Duration,
    ) -> Result<Url, S3Error> {
        let keys = self.keys().await?;
        let signer = self.signer(&keys);
        let ttl = ttl(keys.time_left(signer.now));
        signer.presign(object_url(&self.0.bucket, Some(key)), ttl)
    }

    async fn keys(&self) -> Result<SigningKeys, S3Error> {
        Ok(self.0.credentials.keys().await?)
    }

    /// Services check signatures with their clocks, so this is always the clock of the system.
    fn signer<'a>(&'a self, keys: &'a SigningKeys) -> Signer<'a> {
        Signer {
            credentials: &keys.credentials,
            region: &self.0.region,
            now: Clock::system().now(),
        }
    }
}

/// The methods that S3 has.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// An object that is being read.
#[derive(Debug)]
pub(super) struct ObjectResponse(aar_http::Response);

impl ObjectResponse {
    pub(super) fn headers(&self) -> &http::HeaderMap {
        self.0.headers()
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, S3Error> {
        let chunk = tokio::time::timeout(RESPONSE, self.0.chunk()).await;
        Ok(chunk.map_err(|_| S3Error::Timeout)??)
    }
}
