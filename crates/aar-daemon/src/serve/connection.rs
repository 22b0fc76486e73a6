//! One connection: HTTP/1.1 with its time limits, until it ends or drains.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, Uri},
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

/// How long a peer may take over the head of a request, waiting for the next one included. Longer
/// than our own clients keep idle connections.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// The router as it answers one peer.
pub(super) fn service<P: Clone + Send + Sync + 'static>(
    router: Router,
    peer: P,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Send {
    service_fn(move |mut request: Request<Incoming>| {
        detach(&mut request);
        request.extensions_mut().insert(ConnectInfo(peer.clone()));
        router.clone().oneshot(request.map(Body::new))
    })
}

/// Copies what a request says out of the buffer that it was read into. As long as a part of the
/// buffer is in use, the connection needs another one to see whether its peer is still there; that
/// would be one more for each of the many requests that wait.
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

/// Serves one connection. A failure ends this one connection and is no matter of the server.
///
/// The connection lies on the heap from the beginning: thousands of them wait at a time, and a task
/// that takes one over keeps room for it twice, for the argument and for the variable.
pub(super) fn serve<I, S>(
    io: I,
    service: S,
    drain: CancellationToken,
) -> impl Future<Output = ()> + Send
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>
        + Send,
{
    let plain = settings().serve_connection(TokioIo::new(io), service);
    let mut connection = Box::pin(plain.with_upgrades());
    async move {
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }
}

fn settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    settings
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT);
    settings
}

#[cfg(test)]
mod tests {
    use axum::{body::Bytes, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    fn served() -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let router = Router::new().route("/", get(|| async { "done" }));
        let service = service(router, ());
        tokio::spawn(serve(far, service, CancellationToken::new()));
        near
    }

    #[test]
    fn a_request_keeps_nothing_of_the_buffer_it_was_read_into() {
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
