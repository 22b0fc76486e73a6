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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the AMS to the registry.
    Up,
    /// From the registry to the AMS.
    Down,
}

/// A TCP proxy that can be made to fail. Other tests on the machine are not affected.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<ProxyState>,
}

#[derive(Debug)]
struct ProxyState {
    target: Mutex<SocketAddr>,
    faults: Mutex<NetworkFaults>,
    up: AtomicU64,
    down: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default)]
struct NetworkFaults {
    refuse: bool,
    stall: bool,
    flip: bool,
    bytes_per_second: Option<u64>,
    cut_up_at: Option<u64>,
    cut_down_at: Option<u64>,
}

impl FaultProxy {
    /// Starts without faults.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(ProxyState {
            target: Mutex::new(target),
            faults: Mutex::default(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            open: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, state }
    }

    /// The address of the registry through this proxy.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The number of bytes so far.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.state.count(direction).load(Ordering::SeqCst)
    }

    /// Resets every connection and refuses new ones.
    pub fn fail(&self) {
        self.state.faults().refuse = true;
        self.state.reset();
    }

    /// Forwards nothing, and keeps the connections open.
    pub fn stall(&self) {
        self.state.faults().stall = true;
    }

    /// Limits each direction of a connection.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.state.faults().bytes_per_second = Some(bytes_per_second);
    }

    /// Fails after this number of further bytes in one direction.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        let at = Some(self.bytes(direction) + bytes);
        let mut faults = self.state.faults();
        match direction {
            Direction::Up => faults.cut_up_at = at,
            Direction::Down => faults.cut_down_at = at,
        }
    }

    /// Whether new connections are refused, as after a cut.
    pub fn is_down(&self) -> bool {
        self.state.faults().refuse
    }

    /// Flips a bit in the next bytes from the registry.
    pub fn flip_bit(&self) {
        self.state.faults().flip = true;
    }

    /// Changes the target, and resets the open connections.
    pub fn redirect_to(&self, target: SocketAddr) {
        let mut present = self
            .state
            .target
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *present = target;
        drop(present);
        self.state.reset();
    }

    pub fn heal(&self) {
        *self.state.faults() = NetworkFaults::default();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        self.state.reset();
        // Wakes the thread that accepts connections, so that it ends.
        let _woken = TcpStream::connect(self.address);
    }
}

impl ProxyState {
    fn faults(&self) -> MutexGuard<'_, NetworkFaults> {
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
            // Either side may have closed it already.
            let _linger = SockRef::from(&connection).set_linger(Some(Duration::ZERO));
            let _ended = connection.shutdown(Shutdown::Both);
        }
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            if let Ok(near) = near
                && !self.faults().refuse
            {
                self.forward(near);
            }
        }
    }

    fn forward(self: &Arc<Self>, near: TcpStream) {
        // Locked until both streams are in the list, so that a concurrent redirect resets them too.
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(far) = TcpStream::connect(*target) else {
            return;
        };
        for side in [&near, &far] {
            let _quick = side.set_nodelay(true);
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend(side.try_clone().ok());
        }
        drop(target);
        let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let (up, down) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || up.copy(near_too, far_too, Direction::Up));
        thread::spawn(move || down.copy(far, near, Direction::Down));
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(n) = from.read(&mut buffer) {
            if n == 0 || !self.apply_faults(&mut buffer[..n], direction) {
                break;
            }
            if to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(Shutdown::Write);
    }

    /// Returns whether the bytes are to be forwarded.
    fn apply_faults(&self, bytes: &mut [u8], direction: Direction) -> bool {
        while self.faults().stall && !self.stopped.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        let n = bytes.len() as u64;
        let count = self.count(direction).fetch_add(n, Ordering::SeqCst) + n;
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
        if limit.is_some_and(|limit| count >= limit) {
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

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut reader = stream.try_clone().unwrap();
                    let _closed = std::io::copy(&mut reader, &mut &stream);
                });
            }
        });
        address
    }

    fn send(network: &FaultProxy, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(network.address)?;
        stream.write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo)?;
        Ok(echo)
    }

    #[test]
    fn proxy_without_faults_forwards_and_counts() {
        let network = FaultProxy::start(echo());
        assert_eq!(send(&network, b"hello").unwrap(), b"hello");
        assert_eq!(network.bytes(Direction::Up), 5);
        assert_eq!(network.bytes(Direction::Down), 5);
    }

    #[test]
    fn cut_refuses_connections_until_healed() {
        let network = FaultProxy::start(echo());
        network.cut_after(Direction::Up, 100_000);
        assert_eq!(send(&network, b"little").unwrap(), b"little");
        assert!(send(&network, &vec![7; 1 << 20]).map_or(true, |echo| echo.len() < 1 << 20));
        assert!(send(&network, b"more").map_or(true, |echo| echo.is_empty()));
        network.heal();
        assert_eq!(send(&network, b"again").unwrap(), b"again");
    }

    #[test]
    fn bit_is_flipped_once() {
        let network = FaultProxy::start(echo());
        network.flip_bit();
        assert_ne!(send(&network, b"hello").unwrap(), b"hello");
        assert_eq!(send(&network, b"hello").unwrap(), b"hello");
    }
}
