//! Ports for programs that must be stopped and started again at one address.
//!
//! A free port from the system that is released again may belong to an outgoing connection before the program
//! binds it. So ports come from outside the range of outgoing connections, and a lock on the file
//! `/tmp/aar-test-ports-<uid>/<number>` (`flock`) reserves one among all test processes of the machine,
//! whichever target folder they were built in. The tests of the charms use the same files.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    ops::Range,
    path::PathBuf,
    sync::atomic::{AtomicU16, Ordering},
};

use socket2::{Domain, Socket, Type};

/// For servers inside the test process: the system chooses a port, and the server keeps it.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

const EPHEMERAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const PREFERRED: Range<u16> = 20_000..30_000;
/// Fewer ports than this are not worth a range of their own.
const ENOUGH: u16 = 500;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback port that no other test has, so that a program can be started on it, stopped and
/// started again. Released on drop.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    pub fn take() -> Self {
        let range = fs_err::read_to_string(EPHEMERAL_RANGE).ok();
        let range = candidates(range.as_deref().and_then(ephemeral));
        let count = range.end - range.start;
        // Processes begin at different places, so that they rarely try the same port.
        let start = std::process::id().wrapping_mul(7) % u32::from(count);
        let start = u16::try_from(start).unwrap();
        (0..count)
            .find_map(|_| {
                let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
                Self::try_take(range.start + offset)
            })
            .unwrap_or_else(|| panic!("no port of {range:?} is free"))
    }

    fn try_take(number: u16) -> Option<Self> {
        let lock = File::create(lock_folder().join(number.to_string())).unwrap();
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

    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port on the loopback interface.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.number))
    }
}

/// Users do not share it: a file of another user cannot be locked.
fn lock_folder() -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    let folder = PathBuf::from(format!("/tmp/aar-test-ports-{uid}"));
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

/// The range of outgoing connections, both ends included, as Linux writes it.
fn ephemeral(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

/// The ports to choose from: outside the ephemeral range where that leaves enough of them.
fn candidates(ephemeral: Option<(u16, u16)>) -> Range<u16> {
    let Some((first, last)) = ephemeral else {
        return PREFERRED;
    };
    let below = if first >= PREFERRED.start + ENOUGH {
        PREFERRED.start..PREFERRED.end.min(first)
    } else {
        (first / 2).max(1024)..first
    };
    let above = last.saturating_add(1)..u16::MAX;
    let is_enough = |range: &Range<u16>| range.len() >= usize::from(ENOUGH);
    let choice = [below, above].into_iter().find(is_enough);
    choice.unwrap_or(PREFERRED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_candidates_avoid_the_ephemeral_range() {
        let candidates_beside = |text: &str| candidates(ephemeral(text));
        assert_eq!(candidates_beside("32768\t60999\n"), 20_000..30_000);
        assert_eq!(candidates_beside("15000 64000"), 7500..15_000);
        assert_eq!(candidates_beside("1024\t60000"), 60_001..65_535);
        assert_eq!(candidates_beside("1024 65535"), PREFERRED);
        assert_eq!(candidates(None), PREFERRED);
    }

    #[test]
    fn reserved_port_is_not_reserved_twice() {
        let ports: Vec<_> = (0..20).map(|_| Port::take()).collect();
        for (index, port) in ports.iter().enumerate() {
            assert!(Port::try_take(port.number()).is_none());
            let mut others = ports.iter().skip(index + 1);
            assert!(others.all(|other| other.number() != port.number()));
        }
    }

    #[test]
    fn port_with_a_listener_is_not_reserved() {
        let port = Port::take();
        let number = port.number();
        let listener = std::net::TcpListener::bind(port.address()).unwrap();
        drop(port);
        assert!(Port::try_take(number).is_none());
        drop(listener);
    }
}
