//! Who speaks: certificates, fingerprints, and connections on which both sides show who they are.
//!
//! The rules, all of them kept here:
//!
//! - TLS 1.3 only, with the one cryptography provider of this crate; nothing depends on a default
//!   of the process.
//! - A server asks for a client certificate and never demands one. It checks that the peer holds
//!   the key of what it shows ([`TlsListener`]), nothing more: who that is and what it may do is
//!   decided by the fingerprint, per request, further up.
//! - Sessions are never resumed, so that none outlives a revocation; open connections can be cut
//!   ([`Connections::cut`]).
//! - A client accepts exactly the certificates it was told of ([`ServerTrust::Pinned`]), whatever
//!   their names and issuers.

mod certificate;
mod connections;
mod connector;
mod error;
mod hosts;
mod http;
mod identity;
mod limits;
mod listener;
mod observe;
mod peer;
mod pin;
mod possession;
mod provider;
mod stream;

pub use certificate::{Certificate, Validity};
pub use connections::{Connections, Guard};
pub use connector::{ServerTrust, client_config};
pub use error::Error;
pub use hosts::host_names;
pub use http::{HttpOptions, ProxySettings, http_client};
pub use identity::{Identity, NewIdentity};
pub use limits::Limits;
pub use listener::TlsListener;
pub use observe::observe_certificate;
pub use peer::Peer;
pub use pin::PinMismatch;
pub use stream::TlsStream;
