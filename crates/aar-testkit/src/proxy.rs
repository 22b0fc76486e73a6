use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use socket2::SockRef;

use crate::ports::ANY_PORT;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the AMS to the registry.
    Up,
    /// From the registry to the AMS.
    Down,
}

/// A network between two parties that can be made to fail while they talk. Other tests on the
/// machine are not affected.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    to: Mutex<SocketAddr>,
    faults: Mutex<Faults>,
    up: AtomicU64,
    down: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    refuse: bool,
    stall: bool,
    flip: bool,
    bytes_per_second: Option<u64>,
    cut_up_at: Option<u64>,
    cut_down_at: Option<u64>,
}

impl FaultProxy {
    /// A network that works, to the given address.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            to: Mutex::new(to),
            faults: Mutex::default(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            open: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, state }
    }

    /// The registry's address through this network.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// How many bytes have gone each way.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.state.count(direction).load(Ordering::SeqCst)
    }

    /// Ends every connection now and turns new ones away.
    pub fn fail(&self) {
        self.state.faults().refuse = true;
        self.state.reset();
    }

    /// Lets nothing through, without ending anything.
    pub fn stall(&self) {
        self.state.faults().stall = true;
    }

    /// Lets through so many bytes in a second, in each direction of a connection.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.state.faults().bytes_per_second = Some(bytes_per_second);
    }

    /// Ends every connection once so many more bytes have gone this way.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        let at = Some(self.bytes(direction) + bytes);
        let mut faults = self.state.faults();
        match direction {
            Direction::Up => faults.cut_up_at = at,
            Direction::Down => faults.cut_down_at = at,
        }
    }

    /// Whether it turns new connections away, as it does from a cut on.
    pub fn is_down(&self) -> bool {
        self.state.faults().refuse
    }

    /// Turns a bit of the next bytes that come down.
    pub fn flip(&self) {
        self.state.faults().flip = true;
    }

    /// Leads somewhere else from the next connection on; those that are open end.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.state.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
        self.state.reset();
    }

    /// Works again.
    pub fn heal(&self) {
        *self.state.faults() = Faults::default();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.state.reset();
        // Wakes the thread that accepts; it then sees that it is over.
        let _woken = TcpStream::connect(self.address);
    }
}

impl State {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    fn reset(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in open.drain(..) {
            // Either side may have ended it already.
            let _linger = SockRef::from(&connection).set_linger(Some(Duration::ZERO));
            let _ended = connection.shutdown(Shutdown::Both);
        }
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming() {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            if let Ok(near) = near
                && !self.faults().refuse
            {
                self.begin(near);
            }
        }
    }

    fn begin(self: &Arc<Self>, near: TcpStream) {
        // Held until both are among the open ones: what leads elsewhere meanwhile ends them too.
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(far) = TcpStream::connect(*to) else {
            return;
        };
        for side in [&near, &far] {
            let _quick = side.set_nodelay(true);
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend(side.try_clone().ok());
        }
        drop(to);
        let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let (up, down) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || up.carry(near_too, far_too, Direction::Up));
        thread::spawn(move || down.carry(far, near, Direction::Down));
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(n) = from.read(&mut buffer) {
            if n == 0 || !self.pass(&mut buffer[..n], direction) {
                break;
            }
            if to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ended = to.shutdown(Shutdown::Write);
    }

    /// Does to the bytes what is to be done. `false` where they go no further.
    fn pass(&self, bytes: &mut [u8], direction: Direction) -> bool {
        while self.faults().stall && !self.over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        let n = bytes.len() as u64;
        let gone = self.count(direction).fetch_add(n, Ordering::SeqCst) + n;
        let faults = *self.faults();
        if let Some(rate) = faults.bytes_per_second {
            thread::sleep(Duration::from_millis(n * 1000 / rate));
        }
        if faults.flip && direction == Direction::Down {
            self.faults().flip = false;
            bytes[bytes.len() / 2] ^= 1;
        }
        let limit = match direction {
            Direction::Up => faults.cut_up_at,
            Direction::Down => faults.cut_down_at,
        };
        if limit.is_some_and(|limit| gone >= limit) {
            self.faults().refuse = true;
            self.reset();
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends back what comes in.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut reader = stream.try_clone().unwrap();
                    let _ended = std::io::copy(&mut reader, &mut &stream);
                });
            }
        });
        address
    }

    fn say(network: &FaultProxy, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(network.address)?;
        stream.write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let mut back = Vec::new();
        stream.read_to_end(&mut back)?;
        Ok(back)
    }

    #[test]
    fn a_network_that_works_carries_and_counts() {
        let network = FaultProxy::start(echo());
        assert_eq!(say(&network, b"hello").unwrap(), b"hello");
        assert_eq!(network.bytes(Direction::Up), 5);
        assert_eq!(network.bytes(Direction::Down), 5);
    }

    #[test]
    fn a_cut_ends_connections_until_it_is_healed() {
        let network = FaultProxy::start(echo());
        network.cut_after(Direction::Up, 100_000);
        assert_eq!(say(&network, b"little").unwrap(), b"little");
        assert!(say(&network, &vec![7; 1 << 20]).map_or(true, |back| back.len() < 1 << 20));
        assert!(say(&network, b"more").map_or(true, |back| back.is_empty()));
        network.heal();
        assert_eq!(say(&network, b"again").unwrap(), b"again");
    }

    #[test]
    fn a_bit_is_turned_once() {
        let network = FaultProxy::start(echo());
        network.flip();
        assert_ne!(say(&network, b"hello").unwrap(), b"hello");
        assert_eq!(say(&network, b"hello").unwrap(), b"hello");
    }
}
