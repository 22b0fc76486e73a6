use std::{fmt, io, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, lookup_host};

/// A listen address: `address:port`, `[address]:port`, `name:port`, or `:port` for all addresses of the
/// machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListenAddress {
    host: String,
    port: u16,
}

impl ListenAddress {
    /// The socket address on this machine.
    pub async fn resolve(&self) -> io::Result<SocketAddr> {
        if self.host.is_empty() {
            return Ok(self.all_addresses().await);
        }
        let mut found = lookup_host((self.host.as_str(), self.port)).await?;
        found
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host name has no address"))
    }

    /// An IPv6 socket accepts IPv4 too; a kernel without IPv6 gets an IPv4 socket.
    async fn all_addresses(&self) -> SocketAddr {
        let has_v6 = TcpListener::bind("[::]:0").await.is_ok();
        let host = if has_v6 { "[::]" } else { "0.0.0.0" };
        let text = format!("{host}:{}", self.port);
        text.parse()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], self.port)))
    }
}

impl Default for ListenAddress {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 3000,
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{text:?} is not an address to listen on (such as 10.0.0.5:3000, [::]:3000 or :3000)"
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        let port = port.parse().map_err(|_| refuse())?;
        let unbracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_valid = match unbracketed {
            Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')),
        };
        if !is_valid {
            return Err(refuse());
        }
        let host = unbracketed.unwrap_or(host).to_owned();
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_address_equals_the_one_read() {
        for text in [
            "10.0.0.5:3000",
            "[::1]:443",
            "localhost:3000",
            ":3000",
            "[::]:0",
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn invalid_address_is_refused_with_its_text() {
        for text in [
            "",
            "3000",
            "10.0.0.5",
            "10.0.0.5:http",
            "::1:3000",
            "[x]:1",
            "a b:1",
            ":70000",
        ] {
            let refusal = text.parse::<ListenAddress>().unwrap_err();
            assert!(refusal.contains(&format!("{text:?}")), "{refusal}");
        }
    }

    #[tokio::test]
    async fn empty_host_stands_for_all_addresses() {
        let address: ListenAddress = ":3000".parse().unwrap();
        let resolved = address.resolve().await.unwrap();
        assert!(resolved.ip().is_unspecified());
        assert_eq!(resolved.port(), 3000);
    }

    #[tokio::test]
    async fn host_name_is_resolved() {
        let address: ListenAddress = "localhost:3000".parse().unwrap();
        assert!(address.resolve().await.unwrap().ip().is_loopback());
    }
}
