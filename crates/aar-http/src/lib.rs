//! The HTTP client of every program: connections, proxies, time limits.
//!
//! It speaks HTTP/1.1 and follows no redirects: the caller decides who sees its credentials. Bodies are
//! streamed both ways.
//!
//! A server may refuse a large request before it has read the body, and close the connection. The client
//! then reports the refusal, not the broken connection: see `early_response.rs`.

mod body;
mod client;
mod connector;
mod early_response;
mod error;
mod local_address;
mod options;
mod proxy;
mod request;
mod response;

pub use body::Body;
pub use client::HttpClient;
pub use connector::Stream;
pub use error::Error;
pub use local_address::LocalAddress;
pub use options::HttpOptions;
pub use proxy::ProxySettings;
pub use request::RequestBuilder;
pub use response::Response;

pub use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
