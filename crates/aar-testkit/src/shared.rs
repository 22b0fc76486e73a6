//! One server of each kind for all test programs of a run.
//!
//! A runner that starts a process for each test would otherwise start a server for each. `cargo xtask
//! test` therefore starts the program `test-servers` beside the tests and passes them the path of its
//! Unix socket. A test program sends the name of a server and receives where it is.

use std::{env, ffi::OsStr, io::Write, net::Shutdown, os::unix::net::UnixStream};

use serde_json::Value;

use crate::{SOON, eventually};

/// Names the socket of `test-servers`.
pub(crate) const SOCKET: &str = "AAR_TEST_SERVERS";

/// A server of which one serves all test programs.
pub(crate) trait Shared: Sized {
    /// All that another process needs to use it.
    fn describe(&self) -> Value;

    fn of(description: &Value) -> Self;
}

/// The shared server of this name, or a new one where none is shared. `None` where it is not installed.
pub(crate) fn request_or<S: Shared>(name: &str, start: impl FnOnce() -> Option<S>) -> Option<S> {
    match env::var_os(SOCKET) {
        Some(socket) => request(&socket, name),
        None => start(),
    }
}

fn request<S: Shared>(socket: &OsStr, name: &str) -> Option<S> {
    let mut stream = eventually("the program test-servers accepts connections", SOON, || {
        UnixStream::connect(socket).ok()
    });
    writeln!(stream, "{name}").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let response = std::io::read_to_string(stream).unwrap();
    let response: Value = serde_json::from_str(&response)
        .unwrap_or_else(|e| panic!("test-servers did not start {name}: {e}"));
    (!response.is_null()).then(|| S::of(&response))
}
