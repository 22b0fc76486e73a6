//! Requests that are answered before their body was read: most often refusals.
//!
//! A connection with the rest of a body on it is of no use for another request, and a client that
//! finds out by sending one may not know whether to send it again. So a short rest is read and
//! dropped; after a long one the answer says that the connection ends with it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// What is read although nobody wants it.
const SHORT: u64 = 64 * 1024;
/// How long it may take to arrive: it was sent with the head.
const PATIENCE: Duration = Duration::from_secs(1);

/// Leaves the connection in a state that the caller can rely on.
pub(super) async fn settle(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    let waits = head.headers.contains_key(header::EXPECT);
    let rest = Shared::new(body);
    let read = Request::from_parts(head, Body::new(rest.clone()));
    let mut response = next.run(read).await;
    if !rest.is_over() && (waits || !rest.drop_short().await) {
        close(response.headers_mut());
    }
    response
}

fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// A body that outlives its reader.
#[derive(Clone)]
struct Shared(Arc<Mutex<Read>>);

struct Read {
    body: Body,
    /// Whether its end was seen. Only bodies of known length know themselves when they are over.
    over: bool,
}

impl Shared {
    fn new(body: Body) -> Self {
        let over = false;
        Self(Arc::new(Mutex::new(Read { body, over })))
    }

    fn is_over(&self) -> bool {
        let read = self.read();
        read.over || read.body.is_end_stream()
    }

    /// Reads what is left, if it is short. Tells whether there is nothing left.
    async fn drop_short(self) -> bool {
        let is_short = self.size_hint().upper().is_some_and(|n| n <= SHORT);
        let read = async { self.collect().await.is_ok() };
        is_short && timeout(PATIENCE, read).await.unwrap_or(false)
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut read = self.read();
        let frame = Pin::new(&mut read.body).poll_frame(context);
        read.over |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.read().body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn, routing::post};
    use tower::ServiceExt;

    use super::*;

    /// Whether the connection can be used again after a body of the given length.
    async fn stays(path: &str, length: usize, expect: bool) -> bool {
        let ignore = post(async || ());
        let read = post(async |body: Bytes| body.len().to_string());
        let router = Router::new().route("/ignore", ignore).route("/read", read);
        let router = router.layer(from_fn(settle));
        let mut request = Request::post(path)
            .body(Body::from(vec![7; length]))
            .unwrap();
        if expect {
            let value = HeaderValue::from_static("100-continue");
            request.headers_mut().insert(header::EXPECT, value);
        }
        let response = router.oneshot(request).await.unwrap();
        !response.headers().contains_key(header::CONNECTION)
    }

    #[tokio::test]
    async fn a_connection_ends_only_with_a_long_rest_on_it() {
        assert!(stays("/read", 1_000_000, false).await);
        assert!(stays("/ignore", 1000, false).await);
        assert!(stays("/ignore", 0, false).await);
        assert!(!stays("/ignore", 1_000_000, false).await);
    }

    #[tokio::test]
    async fn nobody_who_waits_is_told_to_send_what_is_not_wanted() {
        assert!(!stays("/ignore", 1000, true).await);
        assert!(stays("/read", 1000, true).await);
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_over_when_its_end_was_seen() {
        let pieces = futures_util::stream::iter([Ok::<_, axum::Error>(Bytes::from("x"))]);
        let body = Shared::new(Body::from_stream(pieces));
        assert!(!body.is_over());
        body.clone().collect().await.unwrap();
        assert!(body.is_over());
    }

    #[tokio::test]
    async fn a_rest_that_does_not_come_is_not_waited_for() {
        tokio::time::pause();
        let silent = futures_util::stream::pending::<Result<Bytes, axum::Error>>();
        assert!(!Shared::new(Body::from_stream(silent)).drop_short().await);
    }
}
