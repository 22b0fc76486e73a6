//! One server of each kind for all test programs of a run.
//!
//! A runner that starts a process for each test would otherwise start a server for each. `cargo xtask
//! test` therefore starts the program `s3-servers` beside the tests and passes them the path of its
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

use serde_json::{Value, json};

use super::{Credentials, S3Server};
use crate::{SOON, eventually};

/// Names the socket of `s3-servers`.
const SOCKET: &str = "AAR_TEST_S3_SERVERS";

/// Serves the socket until the process ends; starts each server when it is requested first.
pub fn serve_s3_servers(socket: &Path) {
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
    let server = match name.trim_end() {
        "ceph" => S3Server::ceph("a shared server"),
        "seaweed" => S3Server::seaweed("a shared server"),
        unknown => panic!("no server is called {unknown}"),
    };
    let response = server.map_or(Value::Null, |server| {
        json!({
            "address": server.address,
            "access_key": server.owner.access_key,
            "secret_key": server.owner.secret_key,
            "ceph": server.ceph,
        })
    });
    // The test program may have been killed meanwhile.
    let _sent = stream.write_all(response.to_string().as_bytes());
}

/// The shared server of this name, or a new one where none is shared. `None` where it is not installed.
pub(super) fn request_or(name: &str, start: impl FnOnce() -> Option<S3Server>) -> Option<S3Server> {
    match env::var_os(SOCKET) {
        Some(socket) => request(&socket, name),
        None => start(),
    }
}

fn request(socket: &OsStr, name: &str) -> Option<S3Server> {
    let mut stream = eventually("the program s3-servers accepts connections", SOON, || {
        UnixStream::connect(socket).ok()
    });
    writeln!(stream, "{name}").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let response = std::io::read_to_string(stream).unwrap();
    let response: Value = serde_json::from_str(&response)
        .unwrap_or_else(|e| panic!("s3-servers did not start {name}: {e}"));
    let text = |field: &str| response[field].as_str();
    text("address").map(|address| S3Server {
        address: address.parse().unwrap(),
        owner: Credentials::new(text("access_key").unwrap(), text("secret_key").unwrap()),
        ceph: text("ceph").map(Into::into),
    })
}
