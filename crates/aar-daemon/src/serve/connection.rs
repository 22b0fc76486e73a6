//! One connection: HTTP/1.1 or HTTP/2, with the time limits of each, until it ends or drains.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, response::Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a peer may take over the head of a request, waiting for the next one included. Longer
/// than our own clients keep idle connections.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How often a silent HTTP/2 peer is asked whether it is still there, and how long it may think.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_LIMIT: Duration = Duration::from_secs(10);
/// What one HTTP/2 peer may send ahead, per request and in all.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// The router as it answers one peer.
pub(super) fn service<P: Clone + Send + Sync + 'static>(
    router: Router,
    peer: P,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Send {
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer.clone()));
        router.clone().oneshot(request.map(Body::new))
    })
}

/// Serves one connection. A failure ends this one connection and is no matter of the server.
pub(super) async fn serve<I, S>(io: I, http2: bool, service: S, drain: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>
        + Send,
{
    let io = TokioIo::new(io);
    let ended = if http2 {
        let mut connection = pin!(http2_settings().serve_connection(io, service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let plain = http1_settings().serve_connection(io, service);
        let mut connection = pin!(plain.with_upgrades());
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

fn http1_settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    settings
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT);
    settings
}

fn http2_settings() -> http2::Builder<TokioExecutor> {
    let mut settings = http2::Builder::new(TokioExecutor::new());
    settings
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_LIMIT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(100);
    settings
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    fn served() -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let router = Router::new().route("/", get(|| async { "done" }));
        let service = service(router, ());
        tokio::spawn(serve(far, false, service, CancellationToken::new()));
        near
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_is_not_waited_for_for_ever() {
        let mut peer = served();
        let begun = tokio::time::Instant::now();
        for byte in b"GET / HTTP/1.1\r\n".iter().cycle() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if peer.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        assert!(begun.elapsed() <= HEAD_LIMIT + Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_after_a_while() {
        let mut peer = served();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        for _ in 0..2 {
            tokio::time::sleep(HEAD_LIMIT / 2).await;
            peer.write_all(request).await.unwrap();
            let mut answer = [0; 1024];
            let length = peer.read(&mut answer).await.unwrap();
            assert!(answer[..length].ends_with(b"done"));
        }
        let begun = tokio::time::Instant::now();
        let rest = peer.read(&mut [0; 1024]).await;
        assert_eq!(rest.unwrap(), 0);
        assert_eq!(begun.elapsed().as_secs(), HEAD_LIMIT.as_secs());
    }
}
