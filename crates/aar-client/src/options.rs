use std::time::Duration;

use aar_http::ProxySettings;
use aar_tls::{Identity, ServerTrust};
use aar_types::{Clock, Fingerprint};
use backon::ExponentialBuilder;
use url::Url;

/// The options of a [`RegistryClient`](crate::RegistryClient).
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The address of the registry, `https://HOST:PORT`.
    pub url: Url,
    /// The fingerprint of the registry's certificate.
    pub fingerprint: Fingerprint,
    /// The client certificate with its key.
    pub identity: Identity,
    /// The proxies for connections to the registry and the storage.
    pub proxy: ProxySettings,
    /// The time limits of a request.
    pub timeouts: Timeouts,
    /// The back-off after transient errors. A transfer that makes progress starts it again.
    pub retry: ExponentialBuilder,
    /// How the storage is verified to which the registry redirects image downloads.
    pub content_trust: ServerTrust,
    /// Whether image downloads may be redirected to plain HTTP.
    pub insecure_redirects: bool,
    /// The clock by which certificates are verified.
    pub clock: Clock,
}

impl ClientOptions {
    /// Options without a proxy, for storage with a certificate that the system trusts. Five retries
    /// wait 0.1 to 0.2 s first and 10 to 20 s at most.
    pub fn new(url: Url, fingerprint: Fingerprint, identity: Identity) -> Self {
        Self {
            url,
            fingerprint,
            identity,
            proxy: ProxySettings::default(),
            timeouts: Timeouts::default(),
            retry: ExponentialBuilder::new()
                .with_jitter()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(10))
                .with_max_times(5),
            content_trust: ServerTrust::WebPki,
            insecure_redirects: false,
            clock: Clock::system(),
        }
    }
}

/// The time limits of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For connecting, including the TLS handshake.
    pub connect: Duration,
    /// From sending a request to the head of its response.
    pub response: Duration,
    /// Between two bytes of a transfer.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(30),
            stall: Duration::from_secs(30),
        }
    }
}
