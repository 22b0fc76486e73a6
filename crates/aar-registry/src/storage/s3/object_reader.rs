//! Reads an object. After a lost connection, the next request continues at the same byte.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http::header::CONTENT_RANGE;

use super::client::{
    ObjectResponse, RetryPolicy, S3Client, S3Error, S3Request, content_length, etag,
};

/// An object, or a range of it, that is being read.
#[derive(Debug)]
pub(super) struct ObjectReader {
    client: S3Client,
    key: String,
    /// Detects that the object was replaced meanwhile.
    etag: Option<String>,
    rest: Range<u64>,
    response: Option<ObjectResponse>,
}

impl ObjectReader {
    /// Opens a whole object.
    pub(super) async fn open(client: &S3Client, key: String) -> Result<Self, S3Error> {
        let mut retries = client.retries(RetryPolicy::default());
        loop {
            let request = S3Request {
                key: Some(&key),
                ..S3Request::default()
            };
            match client.open_once(&request).await {
                Err(error) if retries.retry_after(&error).await => {}
                opened => return Ok(Self::new(client, key, opened?)),
            }
        }
    }

    fn new(client: &S3Client, key: String, response: ObjectResponse) -> Self {
        let headers = response.headers();
        Self {
            client: client.clone(),
            key,
            etag: etag(headers),
            // Without a length, the object ends with the response.
            rest: 0..content_length(headers).unwrap_or(u64::MAX),
            response: Some(response),
        }
    }

    /// A range of the object with this `ETag`. The first read opens it.
    pub(super) fn of_range(
        client: &S3Client,
        key: String,
        etag: Option<String>,
        range: Range<u64>,
    ) -> Self {
        Self {
            client: client.clone(),
            key,
            etag,
            rest: range,
            response: None,
        }
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, S3Error> {
        let mut retries = self.client.retries(RetryPolicy::default());
        loop {
            let failed = match self.next_chunk().await {
                Ok(chunk) => return Ok(chunk),
                Err(error) => error,
            };
            self.response = None;
            if !retries.retry_after(&failed).await {
                return Err(failed);
            }
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, S3Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.response.is_none() {
            self.response = Some(self.open_rest().await?);
        }
        let chunk = match &mut self.response {
            Some(response) => response.chunk().await?,
            None => None,
        };
        match chunk {
            Some(chunk) => {
                self.rest.start += chunk.len() as u64;
                Ok(Some(chunk))
            }
            None if self.rest.end == u64::MAX => Ok(None),
            None => Err(S3Error::Cut),
        }
    }

    async fn open_rest(&self) -> Result<ObjectResponse, S3Error> {
        let Range { start, end } = self.rest;
        let range = match end {
            u64::MAX => format!("bytes={start}-"),
            _ => format!("bytes={start}-{}", end - 1),
        };
        let request = S3Request {
            key: Some(&self.key),
            headers: &[("range", &range)],
            ..S3Request::default()
        };
        let response = self.client.open_once(&request).await?;
        let headers = response.headers();
        if self.etag.is_some() && etag(headers) != self.etag {
            return Err(S3Error::Replaced);
        }
        let expected = format!("bytes {start}-");
        let found = headers
            .get(CONTENT_RANGE)
            .and_then(|range| range.to_str().ok());
        if found.is_some_and(|range| range.starts_with(&expected)) {
            Ok(response)
        } else {
            Err(S3Error::WrongRange)
        }
    }

    pub(super) async fn read_to_end(mut self) -> Result<Bytes, S3Error> {
        let mut content = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            content.extend_from_slice(&chunk);
        }
        Ok(content.freeze())
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, S3Error>> + Send {
        stream::try_unfold(self, async |mut reader| {
            let chunk = reader.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, reader)))
        })
    }
}
