//! How a program runs as a service: where its files are, how it reads its configuration, how it
//! logs, how it serves, and how it stops.
//!
//! The two services share these rules, so that whoever knows one knows the other:
//!
//! - Everything a program writes is below one base folder ([`base_dir`]), which one process at a
//!   time may serve ([`lock`]), and which belongs to one user, whoever types a command ([`owner`]).
//! - A configuration file is accepted whole or refused with file, line and key ([`config_file`]).
//! - Logs go to standard error ([`logging`]).
//! - A file that is downloaded can be gone on with ([`range`]).
//! - The first signal to stop drains, the second ends the process ([`lifecycle`], [`serve`]).

pub mod base_dir;
pub mod config_file;
pub mod lifecycle;
pub mod lock;
pub mod logging;
pub mod owner;
pub mod range;
pub mod serve;

pub use base_dir::{BaseDir, Program};
pub use config_file::ConfigError;
pub use lifecycle::{Shutdown, allow_open_files, notify_ready, notify_stopping};
pub use lock::{AlreadyRunning, Lock};
pub use logging::LoggerConfig;
pub use range::Wanted;
pub use serve::{UnixPeer, serve_tls, serve_unix};
