//! A registry, or a proxy before it, that refuses parts of an upload before it has read them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aar_tls::{Limits, TlsListener, TlsStream};
use aar_types::Fingerprint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

/// Responds to a `PATCH` as soon as it has read the head of the request, and closes the connection.
/// The connection is reset, because the body is unread. Stops when it is dropped.
pub(crate) struct EarlyRefusalServer {
    pub(crate) url: Url,
    pub(crate) fingerprint: Fingerprint,
    parts: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for EarlyRefusalServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl EarlyRefusalServer {
    pub(crate) async fn start(status: u16, code: &'static str) -> Self {
        let identity = super::identity("server");
        let any = "127.0.0.1:0".parse().unwrap();
        let mut listener = TlsListener::bind(any, &identity, Limits::default())
            .await
            .unwrap();
        let url = format!("https://{}/", listener.local_addr());
        let parts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&parts);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await;
                let parts = Arc::clone(&counted);
                tokio::spawn(async move { serve(stream, status, code, &parts).await });
            }
        });
        Self {
            url: url.parse().unwrap(),
            fingerprint: identity.certificate().fingerprint(),
            parts,
            task,
        }
    }

    /// The number of refused parts.
    pub(crate) fn parts(&self) -> usize {
        self.parts.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TlsStream, status: u16, code: &str, parts: &AtomicUsize) {
    while let Some(head) = read_head(&mut stream).await {
        if head.starts_with("POST ") {
            let created = "HTTP/1.1 201 Created\r\nlocation: /1.0/uploads/0\r\n\
                           content-length: 0\r\n\r\n";
            stream.write_all(created.as_bytes()).await.unwrap();
            continue;
        }
        assert!(head.starts_with("PATCH "), "{head}");
        parts.fetch_add(1, Ordering::Relaxed);
        let body =
            format!(r#"{{"type":"error","error_code":{status},"error":"no","code":"{code}"}}"#);
        let length = body.len();
        let refusal =
            format!("HTTP/1.1 {status} Refused\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(refusal.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        return;
    }
}

/// The head of the next request, read byte by byte so that none of the body is read.
async fn read_head(stream: &mut TlsStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
