//! One HTTP/1.1 connection with its time limits.

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

/// The longest time until the head of the next request is complete, idle time included. Clients of this
/// project keep idle connections for less.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// The router for the requests of one peer.
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

/// Serves one connection. A failure ends only this connection.
///
/// The connection is boxed here and not in the returned future: that future would hold it twice, as
/// argument and as variable, and thousands of connections are open at a time.
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
            tracing::debug!(%error, "connection ended");
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
    async fn idle_connection_is_closed_at_the_limit() {
        let mut peer = served();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        for _ in 0..2 {
            tokio::time::sleep(HEAD_LIMIT / 2).await;
            peer.write_all(request).await.unwrap();
            let mut response = [0; 1024];
            let length = peer.read(&mut response).await.unwrap();
            assert!(response[..length].ends_with(b"done"));
        }
        let begun = tokio::time::Instant::now();
        let rest = peer.read(&mut [0; 1024]).await;
        assert_eq!(rest.unwrap(), 0);
        assert_eq!(begun.elapsed().as_secs(), HEAD_LIMIT.as_secs());
    }
}
