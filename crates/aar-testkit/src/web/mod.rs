//! Servers around a real S3 server: a network with faults of HTTP, a CDN that checks signed URLs, and
//! services that issue credentials to a machine.
//!
//! None of them simulates storage: the content comes from an S3 server.

mod ca;
mod cloudfront;
mod credentials;
mod fault;
mod network;
mod recorded;
mod server;

pub use ca::TestCa;
pub use cloudfront::{CloudFront, SigningKey};
pub use credentials::{CONTAINER_TOKEN, CredentialServer, WEB_IDENTITY_TOKEN};
pub use fault::Fault;
pub use network::S3Network;
pub use recorded::RecordedRequest;
