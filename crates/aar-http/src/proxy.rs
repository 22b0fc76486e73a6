use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::Error;

/// Through which proxy a client connects. The environment is not asked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// The proxy for plain HTTP.
    pub http: Option<Url>,
    pub https: Option<Url>,
    /// Hosts, domains and networks that are reached directly, separated by commas.
    pub ignore_hosts: String,
}

impl ProxySettings {
    /// Decides for an address whether a proxy is used.
    pub(crate) fn matcher(&self) -> Result<Matcher, Error> {
        let text = |url: &Option<Url>| match url {
            Some(url) => checked(url),
            None => Ok(String::new()),
        };
        Ok(Matcher::builder()
            .http(text(&self.http)?)
            .https(text(&self.https)?)
            .no(self.ignore_hosts.clone())
            .build())
    }
}

/// The matcher leaves out what it cannot read, and then connects directly.
fn checked(url: &Url) -> Result<String, Error> {
    let is_usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.as_str().parse::<Uri>().is_ok();
    if is_usable {
        return Ok(url.to_string());
    }
    Err(Error::Proxy {
        address: without_password(url),
    })
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
        // An address that has a password can have another.
        let _hidden = shown.set_password(Some("***"));
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(https: &str) -> ProxySettings {
        ProxySettings {
            https: Some(https.parse().unwrap()),
            ..ProxySettings::default()
        }
    }

    #[test]
    fn proxy_password_is_not_shown() {
        let shown = format!("{:?}", settings("http://me:hush@proxy:3128"));
        assert!(shown.contains("http://me:***@proxy:3128"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn proxy_of_another_scheme_is_refused_by_name() {
        let refused = settings("socks5://me:hush@proxy:1080").matcher();
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("socks5://me:***@proxy:1080"), "{refused}");
    }
}
