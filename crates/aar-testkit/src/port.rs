use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::atomic::{AtomicU16, Ordering},
};

use socket2::{Domain, Socket, Type};

use crate::programs;

/// For servers within the test program: the system chooses a port, and nobody can come in between.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Below the range from which systems take ports for outgoing connections.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback port that nobody else among the tests uses, so that a program can be started on it,
/// stopped and started again. Given back when dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a free one.
    pub fn take() -> Self {
        let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + (start.wrapping_mul(7).wrapping_add(step)) % COUNT;
            if let Some(port) = Self::try_take(number) {
                return port;
            }
        }
        panic!("no port is free");
    }

    fn try_take(number: u16) -> Option<Self> {
        let folder = programs::target_dir().join("tmp/ports");
        fs_err::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join(number.to_string())).unwrap();
        lock.try_lock().ok()?;
        let port = Self {
            number,
            _lock: lock,
        };
        // Bound only: a process that another thread starts at this moment has a copy of the socket until
        // it runs its program, and a copy that listens would keep the port.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&port.address().into()).ok()?;
        Some(port)
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The address with it.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.number))
    }
}
