//! Starts Ceph, `SeaweedFS` and PostgreSQL for all test programs of a run: `test-servers SOCKET`.
//!
//! It ends, and the servers with it, when its standard input is closed, so that it cannot outlive the
//! process that started it.
#![expect(
    clippy::unwrap_used,
    reason = "a part of the tests, which fail with a panic"
)]

use std::{io, path::Path, process, thread};

fn main() {
    let socket = std::env::args_os().nth(1).unwrap();
    thread::spawn(|| {
        io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
        process::exit(0);
    });
    aar_testkit::serve_test_servers(Path::new(&socket));
}
