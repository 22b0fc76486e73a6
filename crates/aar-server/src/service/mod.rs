//! The running service: what `aar serve` starts, keeps going, and stops.

mod background;
mod control;
mod error;
mod identity;
mod maintenance;
mod moved;
mod server;
mod watch;

pub(crate) use control::{Told, tell};
pub use error::Error;
pub use server::Server;
