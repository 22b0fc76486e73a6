use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aar_tls::{HttpOptions, Identity, PinMismatch, ProxySettings, ServerTrust, http_client};
use aar_types::{ApplicationName, Architecture, Clock, Fingerprint, VersionNumber};
use jiff::SignedDuration;
use reqwest::{Client, Method, RequestBuilder, Response};
use url::Url;

use crate::{Backoff, Error, Jitter, RetryPolicy, skew::Skew};

const USER_AGENT: &str = concat!("aar-client/", env!("CARGO_PKG_VERSION"));

/// With which registry, and how, a client talks.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The address of the registry, `https://HOST:PORT`.
    pub url: Url,
    /// The fingerprint of its certificate.
    pub fingerprint: Fingerprint,
    /// The client's own certificate.
    pub identity: Identity,
    /// The proxy, where there is one.
    pub proxy: ProxySettings,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How often failures are forgiven.
    pub retry: RetryPolicy,
    /// By what the storage is known that the registry redirects image downloads to.
    pub content_trust: ServerTrust,
    /// By what dates are checked.
    pub clock: Clock,
    /// What spreads retries.
    pub jitter: Jitter,
}

impl ClientOptions {
    /// The usual limits, no proxy, storage known by the issuers that the system trusts.
    pub fn new(url: Url, fingerprint: Fingerprint, identity: Identity) -> Self {
        Self {
            url,
            fingerprint,
            identity,
            proxy: ProxySettings::default(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            content_trust: ServerTrust::WebPki,
            clock: Clock::system(),
            jitter: Jitter::from_entropy(),
        }
    }
}

/// How long things may take before they count as broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, handshake included.
    pub connect: Duration,
    /// From a request to the beginning of its answer.
    pub answer: Duration,
    /// Without a single byte in the middle of a transfer.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            stall: Duration::from_secs(30),
        }
    }
}

/// A registry, as its clients and publishers see it. Cheap to clone.
#[derive(Clone)]
pub struct RegistryClient(Arc<Inner>);

struct Inner {
    url: Url,
    fingerprint: Fingerprint,
    http: Client,
    /// Without certificate and pin, for content that the registry redirects to. Made when the first
    /// redirect comes: a machine that needs no issuers need not have any.
    content: OnceLock<Client>,
    content_options: HttpOptions,
    timeouts: Timeouts,
    retry: RetryPolicy,
    clock: Clock,
    jitter: Mutex<Jitter>,
    skew: Skew,
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
    /// A client for the registry. Nothing is sent yet.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        if options.url.scheme() != "https" || options.url.host().is_none() {
            let url = options.url.to_string();
            return Err(Error::Address { url });
        }
        let connecting = |trust, identity| HttpOptions {
            trust,
            identity,
            proxy: options.proxy.clone(),
            user_agent: USER_AGENT.to_owned(),
            connect_timeout: options.timeouts.connect,
            // It would end long uploads, whose answer comes late; transfers watch themselves.
            read_timeout: None,
            clock: options.clock.clone(),
        };
        let pinned = ServerTrust::Pinned(vec![options.fingerprint]);
        Ok(Self(Arc::new(Inner {
            http: http_client(connecting(pinned, Some(options.identity)))?,
            content: OnceLock::new(),
            content_options: connecting(options.content_trust, None),
            url: options.url,
            fingerprint: options.fingerprint,
            timeouts: options.timeouts,
            retry: options.retry,
            clock: options.clock,
            jitter: Mutex::new(options.jitter),
            skew: Skew::default(),
        })))
    }

    /// The address of the registry.
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// The fingerprint that the registry is known by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// How far the registry's clock was ahead of this machine's at its last answer, where that is
    /// enough to do harm.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.0.skew.get()
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.0.timeouts
    }

    pub(crate) fn skew(&self) -> &Skew {
        &self.0.skew
    }

    /// The client that has nothing to show.
    pub(crate) fn content(&self) -> Result<&Client, Error> {
        if let Some(made) = self.0.content.get() {
            return Ok(made);
        }
        let made = http_client(self.0.content_options.clone());
        let made = made.map_err(|source| Error::ContentSetup { source })?;
        Ok(self.0.content.get_or_init(|| made))
    }

    /// A request for a path below the API's root.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.0.http.request(method, self.address(path))
    }

    /// A request for an address that the registry itself gave.
    pub(crate) fn request_at(&self, method: Method, url: Url) -> RequestBuilder {
        self.0.http.request(method, url)
    }

    /// A request that is about a version.
    pub(crate) fn version_request(
        &self,
        method: Method,
        (name, architecture, number): (&ApplicationName, Architecture, VersionNumber),
        rest: &[&str],
    ) -> RequestBuilder {
        let number = number.to_string();
        let version = ["versions", number.as_str()];
        let variant = ["applications", name.as_str(), architecture.as_str()];
        self.request(method, &[&variant, version.as_slice(), rest].concat())
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.0.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("1.0").extend(path);
        }
        url
    }

    /// Sends a request and returns the answer, whatever it is, once its header is there.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<Response, Error> {
        let sent = tokio::time::timeout(limit, request.send()).await;
        let response = sent
            .map_err(|_| Error::Silent { limit })?
            .map_err(|error| self.broken(error))?;
        self.0.skew.observe(response.headers(), &self.0.clock);
        Ok(response)
    }

    /// Sends a request and returns the answer unless it is a refusal.
    pub(crate) async fn call(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = self.send(request, self.0.timeouts.answer).await?;
        self.accepted(response).await
    }

    /// What a failure without an answer means.
    pub(crate) fn broken(&self, error: reqwest::Error) -> Error {
        if let Some(PinMismatch { shown, .. }) = PinMismatch::find(&error) {
            return Error::PinMismatch {
                expected: self.0.fingerprint,
                shown: *shown,
            };
        }
        if error.is_connect() {
            let url = self.0.url.to_string();
            let source = error.without_url();
            return Error::Unreachable { url, source };
        }
        let source = Some(error.without_url());
        Error::Interrupted { source }
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.0.retry)
    }

    /// Waits before the next attempt; gives the failure back when it is final or one too many.
    pub(crate) async fn pause(&self, backoff: &mut Backoff, error: Error) -> Result<(), Error> {
        if !error.is_transient() {
            return Err(error);
        }
        let Some(wait) = self.next_wait(backoff) else {
            return Err(error);
        };
        tracing::debug!(cause = %error.chain(), ?wait, "the registry is asked again");
        let asked = error.retry_after().unwrap_or_default();
        tokio::time::sleep(wait.max(asked)).await;
        Ok(())
    }

    fn next_wait(&self, backoff: &mut Backoff) -> Option<Duration> {
        let mut jitter = self.0.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        backoff.next(&mut jitter)
    }

    /// Makes a call until it succeeds, fails for good, or has failed too often.
    pub(crate) async fn retrying<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut backoff = self.backoff();
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.pause(&mut backoff, error).await?,
            }
        }
    }
}
