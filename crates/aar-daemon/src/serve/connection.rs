//! One HTTP/1.1 connection with its time limits.

use std::{convert::Infallible, sync::Arc};

use aar_tls::Slot;
use axum::{
    Router,
    extract::ConnectInfo,
    http::{HeaderValue, Request, StatusCode, Uri},
    response::Response,
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    peer::{ConnectionPeer, IsKnown, TimeLimits},
    request_body,
    timed_stream::TimedStream,
};

/// The size of the read buffer of an unknown peer, in which the head of a request has to fit.
pub const UNKNOWN_HEAD_BYTES: usize = 8 * 1024;

pub(super) struct Connection<I, P> {
    pub(super) io: I,
    pub(super) peer: P,
    pub(super) slot: Slot,
}

impl<I, P> Connection<I, P>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Clone + Send + Sync + 'static,
{
    /// Serves the connection. A failure ends only this connection.
    pub(super) fn serve(
        self,
        router: Router,
        is_known: IsKnown<P>,
        drain: CancellationToken,
    ) -> impl Future<Output = ()> + Send {
        let Self { io, peer, slot } = self;
        let peer = Arc::new(ConnectionPeer::new(peer, slot.clone(), is_known));
        let is_known = peer.is_known();
        let limits = if is_known {
            TimeLimits::KNOWN
        } else {
            TimeLimits::UNKNOWN
        };
        let settings = settings(limits, is_known);
        drive(
            TimedStream::new(io, limits),
            service(router, peer),
            &settings,
            slot,
            drain,
        )
    }
}

/// The router for the requests of one peer.
fn service<P: Clone + Send + Sync + 'static>(
    router: Router,
    peer: Arc<ConnectionPeer<P>>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Send {
    service_fn(move |mut request: Request<Incoming>| {
        let peer = Arc::clone(&peer);
        detach(&mut request);
        request
            .extensions_mut()
            .insert(ConnectInfo(peer.peer.clone()));
        let is_known = peer.is_known();
        let request = request.map(|body| request_body::limited(body, is_known));
        let response = router.clone().oneshot(request);
        async move {
            let response = response.await;
            // Only authorised peers may change the protocol.
            if matches!(&response, Ok(upgrade) if upgrade.status() == StatusCode::SWITCHING_PROTOCOLS)
            {
                peer.admit();
            }
            response
        }
    })
}

/// Copies the head of a request out of the read buffer. While a part of the buffer is in use, the connection
/// allocates another buffer to detect that its peer has disconnected. Thousands of requests that wait for
/// changes would each hold such a buffer.
fn detach<B>(request: &mut Request<B>) {
    if let Ok(uri) = Uri::try_from(request.uri().to_string()) {
        *request.uri_mut() = uri;
    }
    for value in request.headers_mut().values_mut() {
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            *value = copy;
        }
    }
}

/// The connection is boxed here and not in the returned future: that future would hold it twice, as
/// argument and as variable, and thousands of connections are open at a time.
fn drive<I, S>(
    io: I,
    service: S,
    settings: &http1::Builder,
    slot: Slot,
    drain: CancellationToken,
) -> impl Future<Output = ()> + Send + use<I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>
        + Send,
{
    let plain = settings.serve_connection(TokioIo::new(io), service);
    let mut connection = Box::pin(plain.with_upgrades());
    async move {
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = slot.cut_token().cancelled() => return,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }
}

fn settings(limits: TimeLimits, is_known: bool) -> http1::Builder {
    let mut settings = http1::Builder::new();
    settings
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    if !is_known {
        settings.max_buf_size(UNKNOWN_HEAD_BYTES);
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aar_tls::{Origin, UnknownPeers};
    use axum::{body::Bytes, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const BOTH: [(bool, TimeLimits); 2] = [(true, TimeLimits::KNOWN), (false, TimeLimits::UNKNOWN)];

    fn served(is_known: bool) -> DuplexStream {
        let (near, io) = tokio::io::duplex(4 * 1024);
        let router = Router::new().route("/", get(|| async { "done" }));
        let slot = UnknownPeers::new(1, 1).enter(Origin::User(0));
        let connection = Connection { io, peer: (), slot };
        let is_known: IsKnown<()> = Arc::new(move |()| is_known);
        tokio::spawn(connection.serve(router, is_known, CancellationToken::new()));
        near
    }

    #[test]
    fn request_does_not_keep_the_read_buffer() {
        let read = Bytes::from(b"/1.0/changes?since=7 value".to_vec());
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_maybe_shared(read.slice(..20)).unwrap();
        let value = HeaderValue::from_maybe_shared(read.slice(21..)).unwrap();
        request.headers_mut().insert("name", value);
        assert!(!read.is_unique());
        detach(&mut request);
        assert!(read.is_unique());
        assert_eq!(request.uri(), "/1.0/changes?since=7");
        assert_eq!(request.headers()["name"], "value");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_head_is_cut_off_at_the_limit() {
        for (is_known, limits) in BOTH {
            let mut peer = served(is_known);
            let begun = tokio::time::Instant::now();
            for byte in b"GET / HTTP/1.1\r\n".iter().cycle() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if peer.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
            assert!(begun.elapsed() <= limits.head + Duration::from_secs(2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_is_closed_at_the_limit() {
        for (is_known, limits) in BOTH {
            let mut peer = served(is_known);
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            for _ in 0..2 {
                tokio::time::sleep(limits.head / 2).await;
                peer.write_all(request).await.unwrap();
                let mut response = [0; 1024];
                let length = peer.read(&mut response).await.unwrap();
                assert!(response[..length].ends_with(b"done"));
            }
            let begun = tokio::time::Instant::now();
            let rest = peer.read(&mut [0; 1024]).await;
            assert_eq!(rest.unwrap(), 0);
            assert_eq!(begun.elapsed().as_secs(), limits.head.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn peer_that_reads_no_responses_is_cut_off_at_the_limit() {
        for (is_known, limits) in BOTH {
            let mut peer = served(is_known);
            let begun = tokio::time::Instant::now();
            while peer
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .is_ok()
            {}
            assert_eq!(begun.elapsed().as_secs(), limits.write.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn large_head_of_an_unknown_peer_is_refused() {
        for (is_known, status) in [(true, &b"HTTP/1.1 200"[..]), (false, b"HTTP/1.1 431")] {
            let mut peer = served(is_known);
            let head = format!(
                "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
                "x".repeat(UNKNOWN_HEAD_BYTES)
            );
            let (mut reader, mut writer) = tokio::io::split(&mut peer);
            let mut response = [0; 12];
            let written = writer.write_all(head.as_bytes());
            let (_written, read) = tokio::join!(written, reader.read_exact(&mut response));
            read.unwrap();
            assert_eq!(&response, status);
        }
    }
}
