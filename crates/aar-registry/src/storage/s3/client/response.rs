use aar_http::header::{CONTENT_LENGTH, DATE, ETAG, LAST_MODIFIED};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{Timestamp, fmt::rfc2822};
use serde::de::DeserializeOwned;

use super::S3Error;
use crate::storage::s3::refusal::Refusal;

#[derive(Debug)]
pub(in super::super) struct S3Response {
    pub(in super::super) status: StatusCode,
    pub(in super::super) headers: HeaderMap,
    body: Bytes,
}

impl S3Response {
    /// Reads the rest of a response.
    pub(super) async fn read(response: aar_http::Response) -> Result<Self, S3Error> {
        Ok(Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }

    pub(super) fn checked(self) -> Result<Self, S3Error> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(S3Error::Refused(self.refusal()))
        }
    }

    /// The error in the response.
    pub(in super::super) fn refusal(&self) -> Refusal {
        let text = String::from_utf8_lossy(&self.body);
        Refusal::parse(self.status, &self.headers, &text)
    }

    pub(in super::super) fn xml<T: DeserializeOwned>(&self) -> Result<T, S3Error> {
        // Services send white space before the content while they work.
        let text = String::from_utf8_lossy(&self.body);
        Ok(quick_xml::de::from_str(text.trim())?)
    }

    /// The time of the service.
    pub(in super::super) fn date(&self) -> Option<Timestamp> {
        timestamp(&self.headers, DATE.as_str())
    }
}

pub(in super::super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(in super::super) fn etag(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(ETAG)?.to_str().ok()?;
    (!etag.is_empty()).then(|| etag.to_owned())
}

pub(in super::super) fn last_modified(headers: &HeaderMap) -> Option<Timestamp> {
    timestamp(headers, LAST_MODIFIED.as_str())
}

fn timestamp(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_of_the_service_is_read_from_the_head() {
        let response = S3Response {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(
                DATE,
                "Thu, 01 Jan 2026 00:00:07 GMT".parse().unwrap(),
            )]),
            body: Bytes::new(),
        };
        assert_eq!(response.date().unwrap().to_string(), "2026-01-01T00:00:07Z");
    }
}
