//! The service that `aar serve` runs.

mod background;
mod control;
mod error;
mod identity;
mod imported_trust;
mod maintenance;
mod moved_storage;
mod server;
mod watch;

pub(crate) use control::{Notified, notify};
pub use error::Error;
pub use server::Server;
