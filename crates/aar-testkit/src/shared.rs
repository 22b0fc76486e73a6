//! One server of each kind for all test programs of a run.
//!
//! A runner that starts a process for each test would otherwise start a server for each. `cargo xtask
//! test` therefore starts the program `test-servers` beside the tests and passes them the path of its
//! Unix socket. A test program sends the name of a server and receives where it is.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
};

use serde_json::Value;

use crate::{PostgresServer, S3Server, SOON, eventually};

/// Names the socket of `test-servers`.
const SOCKET: &str = "AAR_TEST_SERVERS";

/// Serves the socket until the process ends; starts each server when it is requested first.
pub fn serve_test_servers(socket: &Path) {
    // In this process a request starts a server.
    assert!(env::var_os(SOCKET).is_none(), "{SOCKET} is set");
    // The path appears once the socket accepts connections.
    let new = socket.with_extension("new");
    let listener = UnixListener::bind(&new).unwrap();
    fs_err::rename(&new, socket).unwrap();
    for stream in listener.incoming() {
        thread::spawn(|| respond(&stream.unwrap()));
    }
}

fn respond(mut stream: &UnixStream) {
    let mut name = String::new();
    BufReader::new(stream).read_line(&mut name).unwrap();
    let described = match name.trim_end() {
        "ceph" => S3Server::ceph("a shared server").map(S3Server::describe),
        "seaweed" => S3Server::seaweed("a shared server").map(S3Server::describe),
        "postgres" => PostgresServer::shared("a shared server").map(PostgresServer::describe),
        unknown => panic!("no server is called {unknown}"),
    };
    // The test program may have been killed meanwhile.
    let response = described.unwrap_or(Value::Null);
    let _sent = stream.write_all(response.to_string().as_bytes());
}

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
