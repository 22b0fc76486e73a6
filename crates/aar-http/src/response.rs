use std::{future::Future, net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::{Error, connector::RemoteAddress};

/// A response whose head is there. The body is read as it comes.
#[derive(Debug)]
pub struct Response {
    inner: http::Response<Incoming>,
    read_timeout: Option<Duration>,
}

impl Response {
    pub(crate) fn new(inner: http::Response<Incoming>, read_timeout: Option<Duration>) -> Self {
        Self {
            inner,
            read_timeout,
        }
    }

    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The address of the server; none behind a proxy and on a Unix socket.
    pub fn remote_address(&self) -> Option<IpAddr> {
        let RemoteAddress(address) = self.inner.extensions().get()?;
        Some(*address)
    }

    /// The next piece of the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = within(self.read_timeout, self.inner.frame()).await?;
            let Some(frame) = frame.transpose()? else {
                return Ok(None);
            };
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The whole body. For servers that are trusted not to send without end.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The whole body as text.
    pub async fn text(self) -> Result<String, Error> {
        let body = self.bytes().await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The whole body as JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.bytes().await?)?)
    }

    /// The body as a stream of its pieces.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::try_unfold(self, async |mut response| {
            let chunk = response.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, response)))
        })
    }
}

/// Waits for at most the limit.
pub(crate) async fn within<T>(
    limit: Option<Duration>,
    future: impl Future<Output = T>,
) -> Result<T, Error> {
    let Some(limit) = limit else {
        return Ok(future.await);
    };
    let in_time = tokio::time::timeout(limit, future).await;
    in_time.map_err(|_| Error::Timeout { limit })
}
