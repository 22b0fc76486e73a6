//! Loopback ports for servers whose port has to be known before they start.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
};

use anyhow::{Context, Result};

/// Below the range that systems assign to outgoing connections. The tests use the same range and the
/// same lock files (`aar-testkit/src/ports.rs`).
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// A free loopback port, reserved among the tests and tasks of this repository until it is dropped.
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    pub(crate) fn reserve() -> Result<Self> {
        let uid = rustix::process::getuid().as_raw();
        let locks = PathBuf::from(format!("/tmp/aar-test-ports-{uid}"));
        fs::create_dir_all(&locks)?;
        RANGE
            .rev()
            .find_map(|number| {
                let lock = File::create(locks.join(number.to_string())).ok()?;
                lock.try_lock().ok()?;
                TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
                Some(Self {
                    number,
                    _lock: lock,
                })
            })
            .context("no loopback port from 20000 to 29999 is free")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}
