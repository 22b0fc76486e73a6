//! Servers between and beside the real ones: a network before S3 that fails in the ways of HTTP, a
//! CDN that checks what it is shown, and the service that gives a machine its credentials.
//!
//! None of them pretends to be storage: what they hand out comes from an S3 server.

mod ca;
mod cloudfront;
mod fault;
mod keys;
mod network;
mod seen;
mod serve;

pub use ca::TestCa;
pub use cloudfront::{CloudFront, SigningKey};
pub use fault::Fault;
pub use keys::{CONTAINER_TOKEN, KeyServer, WEB_TOKEN};
pub use network::S3Network;
pub use seen::Seen;
