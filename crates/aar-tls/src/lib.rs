//! Certificates, fingerprints, and connections that authenticate both sides.
//!
//! Rules:
//!
//! - TLS 1.3 only, with the cryptography provider of this crate, never with a default of the process.
//! - A server requests a client certificate but does not require one. It checks only that the client
//!   holds the key ([`TlsListener`]). Authorisation happens per request, by fingerprint, in the servers.
//! - Sessions are not resumed, so no session outlives a revocation; open connections can be cut
//!   ([`Connections::cut`]).
//! - Unknown peers get few connections and small buffers ([`Limits`], [`UnknownPeers`]).
//! - A client accepts exactly the pinned certificates ([`ServerTrust::Pinned`]), whatever their names
//!   and issuers.

mod certificate;
mod connections;
mod connector;
mod error;
mod handshake_counts;
mod hosts;
mod identity;
mod limits;
mod listener;
mod observe;
mod peer;
mod pin;
mod provider;
mod shown_certificate;
mod stream;
mod unknown_peers;
mod verifier;

pub use certificate::{Certificate, NO_EXPIRY, Validity, common_name_of};
pub use connections::{ConnectionGuard, Connections};
pub use connector::{ServerTrust, client_config};
pub use error::Error;
pub use handshake_counts::HandshakeCounts;
pub use hosts::host_names;
pub use identity::{Identity, NewIdentity};
pub use limits::Limits;
pub use listener::TlsListener;
pub use observe::observe_certificate;
pub use peer::Peer;
pub use pin::PinMismatch;
pub use stream::TlsStream;
pub use unknown_peers::{Origin, Slot, UnknownPeers};
