//! The common parts of the HTTP APIs of both servers.

mod body;
mod date;
mod drain_body;
mod etag;
mod file;
mod json;
mod media_type;
pub mod metrics;
mod query;
mod range;
mod rate_limiter;
mod respond;

pub use body::{JsonBodyError, read_json_body};
pub use date::add_date;
pub use drain_body::drain_body;
pub use etag::ETag;
pub use file::{FileResponse, RangeNotSatisfiable};
pub use json::{BodyError, parse_json};
pub use media_type::media_type;
pub use query::parse_query;
pub use rate_limiter::RateLimiter;
pub use respond::with_json_body;
