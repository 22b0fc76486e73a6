//! Drains the body of a request that is answered before its body was read, such as a refusal.
//!
//! A connection with unread bytes of a body cannot carry another request. A client that detects this by
//! sending one does not know whether it may retry. So a short rest is read and dropped. Before a long rest
//! the response announces that the connection closes.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// The longest rest that is read.
const MAX_REST: u64 = 64 * 1024;
/// A short rest was sent together with the head, so it arrives soon.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// Answers a request with the rest of a router, and drains its body. The middleware of a server calls it: each
/// further layer of middleware would cost every request some allocations.
pub async fn drain_body(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    // With `Expect: 100-continue`, reading would invite the client to send the body.
    let expects_continue = head.headers.contains_key(header::EXPECT);
    let rest = SharedBody::new(body);
    let request = Request::from_parts(head, Body::new(rest.clone()));
    let mut response = next.run(request).await;
    if !rest.is_read() && (expects_continue || !rest.drain().await) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// A body that outlives its reader.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<ReadBody>>);

struct ReadBody {
    body: Body,
    /// Only a body of known length reports its end before it is polled.
    has_ended: bool,
}

impl SharedBody {
    fn new(body: Body) -> Self {
        let has_ended = false;
        Self(Arc::new(Mutex::new(ReadBody { body, has_ended })))
    }

    fn is_read(&self) -> bool {
        let read = self.lock();
        read.has_ended || read.body.is_end_stream()
    }

    /// Reads a short rest. Returns whether the whole body is read now.
    async fn drain(self) -> bool {
        let is_short = self.size_hint().upper().is_some_and(|n| n <= MAX_REST);
        let read = async { self.collect().await.is_ok() };
        is_short && timeout(TIME_LIMIT, read).await.unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, ReadBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut read = self.lock();
        let frame = Pin::new(&mut read.body).poll_frame(context);
        read.has_ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.is_read()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn, routing::post};
    use futures_util::stream;
    use tower::ServiceExt;

    use super::*;

    /// Whether the connection stays open after a body of this length.
    async fn stays_open(path: &str, length: usize, expects_continue: bool) -> bool {
        let ignore = post(async || ());
        let read = post(async |body: Bytes| body.len().to_string());
        let router = Router::new().route("/ignore", ignore).route("/read", read);
        let router = router.layer(from_fn(drain_body));
        let mut request = Request::post(path)
            .body(Body::from(vec![7; length]))
            .unwrap();
        if expects_continue {
            let value = HeaderValue::from_static("100-continue");
            request.headers_mut().insert(header::EXPECT, value);
        }
        let response = router.oneshot(request).await.unwrap();
        !response.headers().contains_key(header::CONNECTION)
    }

    #[tokio::test]
    async fn connection_closes_only_after_a_long_rest() {
        assert!(stays_open("/read", 1_000_000, false).await);
        assert!(stays_open("/ignore", 1000, false).await);
        assert!(stays_open("/ignore", 0, false).await);
        assert!(!stays_open("/ignore", 1_000_000, false).await);
    }

    #[tokio::test]
    async fn client_that_waits_is_not_asked_for_an_unwanted_body() {
        assert!(!stays_open("/ignore", 1000, true).await);
        assert!(stays_open("/read", 1000, true).await);
    }

    #[tokio::test]
    async fn body_of_unknown_length_is_read_at_its_end() {
        let pieces = stream::iter([Ok::<_, axum::Error>(Bytes::from("x"))]);
        let body = SharedBody::new(Body::from_stream(pieces));
        assert!(!body.is_read());
        body.clone().collect().await.unwrap();
        assert!(body.is_read());
    }

    #[tokio::test(start_paused = true)]
    async fn silent_client_is_not_waited_for() {
        let silent = stream::pending::<Result<Bytes, axum::Error>>();
        assert!(!SharedBody::new(Body::from_stream(silent)).drain().await);
    }
}
