use std::{fmt, time::Duration};

use aar_types::Clock;
use reqwest::{Client, NoProxy, Proxy, redirect::Policy};
use url::Url;

use crate::{Error, Identity, ServerTrust, client_config};

const TCP_KEEPALIVE: Duration = Duration::from_mins(1);
/// Shorter than servers keep idle connections, so that a request seldom meets a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The options of an HTTP client.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The trust in the server.
    pub trust: ServerTrust,
    /// The certificate and key of the client, if it authenticates.
    pub identity: Option<Identity>,
    /// The proxy, if there is one. Environment variables are ignored.
    pub proxy: ProxySettings,
    /// The name and version of the program.
    pub user_agent: String,
    /// The time limit for connecting, handshake included.
    pub connect_timeout: Duration,
    /// The time limit for silence of the server, before and during a response.
    pub read_timeout: Option<Duration>,
    /// The clock that checks the dates of certificates.
    pub clock: Clock,
}

impl HttpOptions {
    /// Options with the usual time limits, no identity and no proxy.
    pub fn new(trust: ServerTrust, user_agent: impl Into<String>) -> Self {
        Self {
            trust,
            identity: None,
            proxy: ProxySettings::default(),
            user_agent: user_agent.into(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Some(Duration::from_mins(1)),
            clock: Clock::system(),
        }
    }
}

/// The proxies of a client.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// The proxy for plain HTTP.
    pub http: Option<Url>,
    /// The proxy for HTTPS.
    pub https: Option<Url>,
    /// Hosts, domains and networks that are reached directly, separated by commas.
    pub ignore_hosts: String,
}

/// Passwords are not shown.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings")
            .field("http", &self.http.as_ref().map(without_password))
            .field("https", &self.https.as_ref().map(without_password))
            .field("ignore_hosts", &self.ignore_hosts)
            .finish()
    }
}

fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        // A URL that has a password accepts another one.
        let _hidden = shown.set_password(Some("***"));
    }
    shown.into()
}

/// An HTTP/1.1 client. It follows no redirects: the caller decides which server gets the credentials.
pub fn http_client(options: HttpOptions) -> Result<Client, Error> {
    let tls = client_config(options.trust, options.identity.as_ref(), options.clock)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that builds clients"
    )]
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .tcp_nodelay(true)
        .tcp_keepalive(TCP_KEEPALIVE)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(options.user_agent)
        .connect_timeout(options.connect_timeout);
    if let Some(limit) = options.read_timeout {
        builder = builder.read_timeout(limit);
    }
    for proxy in options.proxy.proxies()? {
        builder = builder.proxy(proxy);
    }
    Ok(builder.build()?)
}

impl ProxySettings {
    fn proxies(&self) -> Result<Vec<Proxy>, Error> {
        let direct = NoProxy::from_string(&self.ignore_hosts);
        let http = self.http.clone().map(Proxy::http).transpose()?;
        let https = self.https.clone().map(Proxy::https).transpose()?;
        let both = http.into_iter().chain(https);
        Ok(both.map(|proxy| proxy.no_proxy(direct.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        let proxy = ProxySettings {
            https: Some("http://me:hush@proxy:3128".parse().unwrap()),
            ..ProxySettings::default()
        };
        let shown = format!("{proxy:?}");
        assert!(shown.contains("http://me:***@proxy:3128"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}
