use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};

use crate::error::BoxError;

/// The body of a request.
pub(crate) type Inner = UnsyncBoxBody<Bytes, BoxError>;

/// The body of a request: bytes at hand, or a stream.
pub struct Body(Inner);

impl Body {
    /// A body that is produced while it is sent. Without a `Content-Length` header it is sent in chunks.
    pub fn from_stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let frames = stream.map_ok(Frame::data).map_err(Into::into);
        Self(StreamBody::new(frames).boxed_unsync())
    }

    pub(crate) fn into_inner(self) -> Inner {
        self.0
    }
}

impl Default for Body {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let full = Full::new(bytes.into());
        Self(full.map_err(|never| match never {}).boxed_unsync())
    }
}
