use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use aar_tls::{Identity, Limits, TlsListener, TlsStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use crate::{TestRegistry, http::RUNTIME, ports::ANY_PORT};

type Respond = dyn Fn(&str) -> CannedResponse + Send + Sync;

/// A server with the certificate of a registry.
pub struct FakeRegistry {
    address: SocketAddr,
    respond: Arc<Mutex<Arc<Respond>>>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Clone)]
pub struct CannedResponse {
    /// The status line after the version, such as `200 OK`.
    pub status: &'static str,
    /// More headers, each ending with a line break.
    pub headers: String,
    pub body: String,
    /// By how many bytes `Content-Length` exceeds the body.
    pub missing: usize,
}

impl FakeRegistry {
    /// Starts a server with the certificate and key of a registry. It sends the same response to every
    /// request.
    pub fn in_place_of(registry: &TestRegistry, response: CannedResponse) -> Self {
        let certs = registry.base().join("certs");
        let identity = Identity::load(&certs.join("server.crt"), &certs.join("server.key"));
        let respond: Arc<Respond> = Arc::new(move |_| response.clone());
        let respond = Arc::new(Mutex::new(respond));
        let identity = identity.unwrap();
        let bind = TlsListener::bind(ANY_PORT, &identity, Limits::default());
        let listener = RUNTIME.block_on(bind).unwrap();
        let address = listener.local_addr();
        let serving = RUNTIME.spawn(serve(listener, Arc::clone(&respond)));
        Self {
            address,
            respond,
            serving,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn respond_with(&self, response: CannedResponse) {
        self.respond_by(move |_| response.clone());
    }

    /// Computes each response from the path and the query of the request.
    pub fn respond_by(&self, respond: impl Fn(&str) -> CannedResponse + Send + Sync + 'static) {
        *self.respond.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(respond);
    }
}

impl fmt::Debug for FakeRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeRegistry({})", self.address)
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut listener: TlsListener, respond: Arc<Mutex<Arc<Respond>>>) {
    loop {
        let (stream, _) = listener.accept().await;
        let respond = Arc::clone(&respond.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::spawn(exchange(stream, respond));
    }
}

async fn exchange(mut stream: TlsStream, respond: Arc<Respond>) {
    let mut request = vec![0; 64 * 1024];
    let length = stream.read(&mut request).await.unwrap_or_default();
    let head = String::from_utf8_lossy(&request[..length]);
    let response = respond(head.split(' ').nth(1).unwrap_or_default());
    let length = response.body.len() + response.missing;
    let text = format!(
        "HTTP/1.1 {}\r\ncontent-length: {length}\r\nconnection: close\r\n{}\r\n{}",
        response.status, response.headers, response.body,
    );
    // The client may hang up early.
    let _sent = stream.write_all(text.as_bytes()).await;
    let _closed = stream.shutdown().await;
}
