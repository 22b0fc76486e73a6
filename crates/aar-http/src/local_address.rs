//! Addresses that a server elsewhere must not make a client connect to.

use std::{
    error::Error as StdError,
    future::Future,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::Service;

/// A host has no address but loopback, link-local or unspecified ones, and the client refuses those.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} has the address {address}, which only this machine or this link can mean")]
pub struct LocalAddress {
    pub host: String,
    pub address: IpAddr,
}

impl LocalAddress {
    /// Searches an error and its sources.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // The source of an `io::Error` is the source of the wrapped error.
            let wrapped = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        None
    }

    /// Refuses a host that is itself such an address. Names are checked when they are resolved.
    pub(crate) fn refuse_literal(uri: &Uri) -> Result<(), Self> {
        let host = uri.host().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse() {
            Ok(address) if is_local(address) => Err(Self {
                host: host.to_owned(),
                address,
            }),
            _ => Ok(()),
        }
    }
}

/// Whether an address is loopback, link-local or unspecified, also as an IPv4 address within an IPv6 one.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || embedded_v4(v6).is_some_and(is_local)
        }
    }
}

/// The IPv4 address in a mapped, compatible or NAT64 address.
fn embedded_v4(v6: Ipv6Addr) -> Option<IpAddr> {
    let is_embedding = matches!(
        v6.segments()[..6],
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0]
    );
    let last: [u8; 4] = *v6.octets().last_chunk()?;
    is_embedding.then(|| IpAddr::from(last))
}

/// Resolves names, and leaves out local addresses where those are refused.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    refuse_local: bool,
}

impl Resolver {
    pub(crate) fn new(refuse_local: bool) -> Self {
        Self {
            system: GaiResolver::new(),
            refuse_local,
        }
    }
}

type Addresses = vec::IntoIter<SocketAddr>;

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Addresses>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.as_str().to_owned();
        let resolving = self.system.call(name);
        let refuse_local = self.refuse_local;
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            if refuse_local {
                return Ok(without_local(host, found)
                    .map_err(io::Error::other)?
                    .into_iter());
            }
            Ok(found.into_iter())
        })
    }
}

fn without_local(host: String, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, LocalAddress> {
    let (local, usable): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| is_local(found.ip()));
    match local.first() {
        Some(address) if usable.is_empty() => Err(LocalAddress {
            host,
            address: address.ip(),
        }),
        _ => Ok(usable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_link_local_and_unspecified_addresses_are_local_in_every_form() {
        for local in [
            "127.0.0.1",
            "127.255.0.3",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.0.1",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for elsewhere in [
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "169.253.0.1",
            "203.0.113.7",
            "::ffff:10.0.0.1",
            "64:ff9b::203.0.113.7",
            "fd00::1",
            "fec0::1",
            "2001:db8::1",
        ] {
            assert!(!is_local(elsewhere.parse().unwrap()), "{elsewhere}");
        }
    }

    #[test]
    fn name_with_local_and_other_addresses_keeps_the_others() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = addresses(&["127.0.0.1:1", "203.0.113.7:1"]);
        let kept = without_local("mixed.example".to_owned(), mixed);
        assert_eq!(kept, Ok(addresses(&["203.0.113.7:1"])));
        let local = addresses(&["169.254.169.254:1", "[::1]:1"]);
        let refused = without_local("rebound.example".to_owned(), local).unwrap_err();
        assert_eq!(refused.address.to_string(), "169.254.169.254");
    }
}
