//! Redirects of downloads. Who redirects is not trusted with the network of this machine: it gets no
//! credentials, and cannot point the client at services that only this machine or its link can reach.

use std::net::IpAddr;

use aar_http::{LocalAddress, Response, header::LOCATION};
use url::Url;

use super::REQUEST;
use crate::Error;

/// The address of content, as a redirect gives it.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    pub(super) url: Url,
    /// Whether the redirecting server is on this machine itself, and so may redirect to it.
    pub(super) allow_local: bool,
}

impl Redirect {
    /// The redirect in a response from an address.
    pub(super) fn of(base: &Url, response: &Response, insecure: bool) -> Result<Self, Error> {
        let location = response.headers().get(LOCATION);
        let text = location.and_then(|value| value.to_str().ok());
        let url = text.and_then(|text| base.join(text).ok());
        let url = url.filter(Url::has_host);
        let url =
            url.ok_or_else(|| Error::malformed(REQUEST, "a redirect has no valid location"))?;
        check(&url, insecure)?;
        let by = response.remote_address().as_ref().map(IpAddr::to_canonical);
        Ok(Self {
            url,
            allow_local: by.is_some_and(|by| by.is_loopback()),
        })
    }

    pub(super) fn host(&self) -> String {
        self.url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
    }

    /// The refusal of the address, if that is why no connection was made.
    pub(super) fn refusal(&self, error: &aar_http::Error) -> Option<Error> {
        let local = LocalAddress::find(error)?;
        let reason = format!(
            "{local}; only a registry on this machine may redirect there: set `storage.s3.endpoint` of \
             the registry to an address that its clients reach"
        );
        Some(refused(&self.url, reason))
    }
}

fn check(url: &Url, insecure: bool) -> Result<(), Error> {
    let reason = match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            "it contains a user name or a password"
        }
        "https" => return Ok(()),
        "http" if insecure => return Ok(()),
        "http" => {
            "it is not https; let the storage of the registry use TLS, or set \
             registry.insecure_redirects to true"
        }
        _ => "it is not https",
    };
    Err(refused(url, reason.to_owned()))
}

fn refused(url: &Url, reason: String) -> Error {
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Error::RedirectRefused {
        address: format!("{}://{host}", url.scheme()),
        reason,
    }
}
