//! The common parts of the two services: files, configuration, log, HTTP, start and stop.
//!
//! - A program writes only below its base folder ([`base_dir`]). One process at a time serves it
//!   ([`lock`]), and all its files belong to one user, even those that a command of root writes
//!   ([`owner`]).
//! - A configuration file is valid as a whole, or refused with file, line and key ([`config_file`]).
//! - Logs go to standard error ([`logging`]).
//! - HTTP requests are read and answered by the same rules ([`http`]).
//! - Prometheus and probes have a listener of their own ([`operations`]).
//! - The first signal to stop drains, the second ends the process ([`lifecycle`], [`serve`]).

pub mod base_dir;
pub mod config_file;
pub mod http;
pub mod lifecycle;
pub mod lock;
pub mod logging;
pub mod operations;
pub mod owner;
pub mod serve;

pub use base_dir::{BaseDir, Program};
pub use config_file::ConfigError;
pub use lifecycle::{Shutdown, allow_open_files, forbid_core_dumps, notify_ready, notify_stopping};
pub use lock::{AlreadyRunning, Lock};
pub use logging::LoggerConfig;
pub use serve::{IsKnown, UnixPeer, connection_limits, serve_plain, serve_tls, serve_unix};
