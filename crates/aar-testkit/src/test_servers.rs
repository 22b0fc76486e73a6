//! The program `test-servers`, which starts the servers that test programs share.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
};

use serde_json::Value;

use crate::{
    PostgresServer, S3Server,
    shared::{SOCKET, Shared},
};

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
