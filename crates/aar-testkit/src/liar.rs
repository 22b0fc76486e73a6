use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use aar_tls::{Identity, Limits, TlsListener, TlsStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use crate::{TestRegistry, http::RUNTIME, ports::ANY_PORT};

/// A server that shows the certificate of a registry and answers whatever it is told to.
#[derive(Debug)]
pub struct LyingRegistry {
    address: SocketAddr,
    lie: Arc<Mutex<Lie>>,
    serving: JoinHandle<()>,
}

/// What it answers to everything.
#[derive(Debug, Clone)]
pub struct Lie {
    /// The status line after the version, such as `200 OK`.
    pub status: &'static str,
    /// More headers, each ending with a line break.
    pub headers: String,
    /// The body.
    pub body: String,
    /// How many bytes it announces more than it sends.
    pub missing: usize,
}

impl LyingRegistry {
    /// Begins to answer in the name of a registry.
    pub fn of(registry: &TestRegistry, lie: Lie) -> Self {
        let certs = registry.base().join("certs");
        let identity = Identity::load(&certs.join("server.crt"), &certs.join("server.key"));
        let lie = Arc::new(Mutex::new(lie));
        let identity = identity.unwrap();
        let bind = TlsListener::bind(ANY_PORT, &identity, Limits::default());
        let listener = RUNTIME.block_on(bind).unwrap();
        let address = listener.local_addr();
        let serving = RUNTIME.spawn(serve(listener, Arc::clone(&lie)));
        Self {
            address,
            lie,
            serving,
        }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers something else from now on.
    pub fn tell(&self, lie: Lie) {
        *self.lie.lock().unwrap_or_else(PoisonError::into_inner) = lie;
    }
}

impl Drop for LyingRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut listener: TlsListener, lie: Arc<Mutex<Lie>>) {
    loop {
        let (stream, _) = listener.accept().await;
        tokio::spawn(answer(stream, Arc::clone(&lie)));
    }
}

async fn answer(mut stream: TlsStream, lie: Arc<Mutex<Lie>>) {
    let _asked = stream.read(&mut vec![0; 64 * 1024]).await;
    let lie = lie.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let length = lie.body.len() + lie.missing;
    let answer = format!(
        "HTTP/1.1 {}\r\ncontent-length: {length}\r\nconnection: close\r\n{}\r\n{}",
        lie.status, lie.headers, lie.body,
    );
    // Whoever does not listen to the end is right not to.
    let _sent = stream.write_all(answer.as_bytes()).await;
    let _ended = stream.shutdown().await;
}
