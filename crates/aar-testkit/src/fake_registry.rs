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

/// A server with the certificate of a registry that sends the same response to every request.
#[derive(Debug)]
pub struct FakeRegistry {
    address: SocketAddr,
    response: Arc<Mutex<CannedResponse>>,
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
    /// Starts a server with the certificate and key of a registry.
    pub fn in_place_of(registry: &TestRegistry, response: CannedResponse) -> Self {
        let certs = registry.base().join("certs");
        let identity = Identity::load(&certs.join("server.crt"), &certs.join("server.key"));
        let response = Arc::new(Mutex::new(response));
        let identity = identity.unwrap();
        let bind = TlsListener::bind(ANY_PORT, &identity, Limits::default());
        let listener = RUNTIME.block_on(bind).unwrap();
        let address = listener.local_addr();
        let serving = RUNTIME.spawn(serve(listener, Arc::clone(&response)));
        Self {
            address,
            response,
            serving,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the response.
    pub fn respond_with(&self, response: CannedResponse) {
        *self.response.lock().unwrap_or_else(PoisonError::into_inner) = response;
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut listener: TlsListener, response: Arc<Mutex<CannedResponse>>) {
    loop {
        let (stream, _) = listener.accept().await;
        tokio::spawn(respond(stream, Arc::clone(&response)));
    }
}

async fn respond(mut stream: TlsStream, response: Arc<Mutex<CannedResponse>>) {
    let _request = stream.read(&mut vec![0; 64 * 1024]).await;
    let response = response
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let length = response.body.len() + response.missing;
    let text = format!(
        "HTTP/1.1 {}\r\ncontent-length: {length}\r\nconnection: close\r\n{}\r\n{}",
        response.status, response.headers, response.body,
    );
    // The client may hang up early.
    let _sent = stream.write_all(text.as_bytes()).await;
    let _closed = stream.shutdown().await;
}
