//! The body of a request with its time limit.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::{alarm::Alarm, peer::TimeLimits};

/// The body as the handler reads it. Fails when the peer is too slow.
pub(super) fn limited(body: Incoming, is_known: bool) -> Body {
    if body.is_end_stream() {
        return Body::new(body);
    }
    let limit = if is_known {
        TimeLimits::KNOWN.body
    } else {
        TimeLimits::UNKNOWN.body
    };
    Body::new(TimedBody {
        body,
        alarm: Alarm::new(limit),
        restarts: is_known,
    })
}

struct TimedBody<B> {
    body: B,
    alarm: Alarm,
    /// Whether each piece starts the time again.
    restarts: bool,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for TimedBody<B>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if self.restarts {
                self.alarm.stop();
            }
            return Poll::Ready(frame.map(|read| read.map_err(Into::into)));
        }
        match self.alarm.poll(cx) {
            Poll::Ready(limit) => Poll::Ready(Some(Err(too_slow(limit)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn too_slow(limit: Duration) -> Box<dyn std::error::Error + Send + Sync> {
    let message = format!("the body did not arrive within {} s", limit.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, message).into()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    /// Reads a body of which a byte arrives each second.
    async fn read(restarts: bool, seconds: usize) -> Result<usize, String> {
        let byte = |_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
        };
        let body = TimedBody {
            body: StreamBody::new(Box::pin(stream::iter(0..seconds).then(byte))),
            alarm: Alarm::new(Duration::from_secs(10)),
            restarts,
        };
        let read = body.collect().await.map_err(|error| error.to_string())?;
        Ok(read.to_bytes().len())
    }

    #[tokio::test(start_paused = true)]
    async fn time_limit_is_for_each_pause_of_a_known_peer_and_for_the_whole_body_of_others() {
        assert_eq!(read(true, 60).await, Ok(60));
        assert_eq!(read(false, 8).await, Ok(8));
        let refused = read(false, 60).await.unwrap_err();
        assert_eq!(refused, "the body did not arrive within 10 s");
    }
}
