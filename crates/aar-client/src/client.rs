use std::{fmt, future::Future, sync::Arc, time::Duration};

use aar_http::{HttpClient, HttpOptions, Method, RequestBuilder, Response};
use aar_tls::{PinMismatch, ServerTrust};
use aar_types::{ApplicationName, Architecture, Clock, Fingerprint, VersionNumber, error_chain};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::SignedDuration;
use url::Url;

use crate::{ClientOptions, Error, Timeouts, clock_skew::ClockSkew, stream_budget::StreamBudget};

const USER_AGENT: &str = concat!("aar-client/", env!("CARGO_PKG_VERSION"));

/// A client of one registry. Clones share their connections.
#[derive(Clone)]
pub struct RegistryClient(Arc<Inner>);

struct Inner {
    url: Url,
    fingerprint: Fingerprint,
    http: HttpClient,
    /// Has no client certificate and no pin, for content to which the registry redirects.
    content_http: HttpClient,
    /// The same, for redirects by servers on this machine: to any address.
    local_content_http: HttpClient,
    insecure_redirects: bool,
    streams: Arc<StreamBudget>,
    timeouts: Timeouts,
    retry: ExponentialBuilder,
    clock: Clock,
    clock_skew: ClockSkew,
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryClient")
            .field("url", &self.0.url.as_str())
            .field("fingerprint", &self.0.fingerprint)
            .finish_non_exhaustive()
    }
}

impl RegistryClient {
    /// Creates a client. It connects with its first request.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        if options.url.scheme() != "https" || options.url.host().is_none() {
            let url = options.url.to_string();
            return Err(Error::Address { url });
        }
        let http = |trust, identity, refuse_local_addresses| {
            let http = HttpClient::new(HttpOptions {
                identity,
                proxy: options.proxy.clone(),
                connect_timeout: options.timeouts.connect,
                // It would end long uploads, whose response comes late; transfers detect stalls.
                read_timeout: None,
                refuse_local_addresses,
                clock: options.clock.clone(),
                ..HttpOptions::new(trust, USER_AGENT)
            });
            http.map_err(Error::Setup)
        };
        let pinned = ServerTrust::Pinned(vec![options.fingerprint]);
        Ok(Self(Arc::new(Inner {
            http: http(pinned, Some(options.identity), false)?,
            content_http: http(options.content_trust.clone(), None, true)?,
            local_content_http: http(options.content_trust, None, false)?,
            insecure_redirects: options.insecure_redirects,
            streams: Arc::default(),
            url: options.url,
            fingerprint: options.fingerprint,
            timeouts: options.timeouts,
            retry: options.retry,
            clock: options.clock,
            clock_skew: ClockSkew::default(),
        })))
    }

    /// The address of the registry.
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// The fingerprint of the registry's certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// How far the registry's clock was ahead at its last response; none for a harmless difference.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.0.clock_skew.get()
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.0.timeouts
    }

    pub(crate) fn streams(&self) -> &Arc<StreamBudget> {
        &self.0.streams
    }

    pub(crate) fn skew(&self) -> &ClockSkew {
        &self.0.clock_skew
    }

    /// A request for a path below the root of the API.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.0.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("1.0").extend(path);
        }
        self.request_at(method, url)
    }

    /// A request for a URL of the registry.
    pub(crate) fn request_at(&self, method: Method, url: Url) -> RequestBuilder {
        self.0.http.request(method, url)
    }

    pub(crate) fn version_request(
        &self,
        method: Method,
        (name, architecture, number): (&ApplicationName, Architecture, VersionNumber),
        path: &[&str],
    ) -> RequestBuilder {
        let number = number.to_string();
        let version = ["versions", number.as_str()];
        let variant = ["applications", name.as_str(), architecture.as_str()];
        self.request(method, &[&variant, version.as_slice(), path].concat())
    }

    /// A request for content elsewhere, without credentials. `allow_local` allows local addresses.
    pub(crate) fn content_request(&self, url: Url, allow_local: bool) -> RequestBuilder {
        let http = if allow_local {
            &self.0.local_content_http
        } else {
            &self.0.content_http
        };
        http.request(Method::GET, url)
    }

    /// Whether downloads may be redirected to plain HTTP.
    pub(crate) fn allows_insecure_redirects(&self) -> bool {
        self.0.insecure_redirects
    }

    /// Sends a request to the registry and returns the response of any status.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<Response, Error> {
        let sent = tokio::time::timeout(limit, request.send()).await;
        let response = sent
            .map_err(|_| Error::Timeout { limit })?
            .map_err(|error| self.connection_error(error))?;
        self.0.clock_skew.observe(response.headers(), &self.0.clock);
        Ok(response)
    }

    /// Sends a request to the registry and returns the response, unless it is a refusal.
    pub(crate) async fn call(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = self.send(request, self.0.timeouts.response).await?;
        self.accepted(response).await
    }

    pub(crate) fn connection_error(&self, error: aar_http::Error) -> Error {
        if let Some(PinMismatch { shown, .. }) = PinMismatch::find(&error) {
            return Error::PinMismatch {
                expected: self.0.fingerprint,
                shown: *shown,
            };
        }
        match error {
            aar_http::Error::Connect(source) => Error::Unreachable {
                url: self.0.url.to_string(),
                source,
            },
            aar_http::Error::Broken(source) => Error::Interrupted {
                source: Some(source),
            },
            error => Error::Interrupted {
                source: Some(error.into()),
            },
        }
    }

    pub(crate) fn backoff(&self) -> ExponentialBackoff {
        self.0.retry.build()
    }

    /// Waits before the next attempt. Returns the error if it is not retryable, or one too many.
    pub(crate) async fn wait_before_retry(
        &self,
        backoff: &mut ExponentialBackoff,
        error: Error,
    ) -> Result<(), Error> {
        let wait = backoff.next().filter(|_| error.is_retryable());
        let Some(wait) = wait else {
            return Err(error);
        };
        let wait = wait.max(error.retry_after().unwrap_or_default());
        tracing::debug!(cause = %error_chain(&error), ?wait, "retrying a request to the registry");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Makes a call until it succeeds, fails permanently, or has failed too often.
    pub(crate) async fn retry<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut backoff = self.backoff();
        loop {
            match call().await {
                Ok(result) => return Ok(result),
                Err(error) => self.wait_before_retry(&mut backoff, error).await?,
            }
        }
    }
}
