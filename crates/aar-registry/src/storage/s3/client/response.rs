use aar_http::header::{CONTENT_LENGTH, DATE, ETAG, LAST_MODIFIED};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{Timestamp, fmt::rfc2822};
use serde::{Deserialize, de::DeserializeOwned};

use super::S3Error;

/// A complete response.
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

/// An error response. The rest of its document is dropped: for a wrong signature it holds the signed text,
/// with the session token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Refusal {
    pub(in super::super) status: StatusCode,
    pub(in super::super) code: String,
    pub(in super::super) message: String,
    /// The region of the bucket, if the response has it.
    pub(in super::super) region: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorDocument {
    code: String,
    message: String,
    region: Option<String>,
    /// The token service wraps the error.
    error: Option<Box<ErrorDocument>>,
}

impl Refusal {
    pub(in super::super) fn parse(status: StatusCode, headers: &HeaderMap, body: &str) -> Self {
        let mut document: ErrorDocument = quick_xml::de::from_str(body.trim()).unwrap_or_default();
        let region = headers.get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok());
        if let Some(error) = document.error.take() {
            document = *error;
        }
        Self {
            status,
            code: plain(document.code).unwrap_or_default(),
            message: document.message,
            region: plain(
                region
                    .map(str::to_owned)
                    .or(document.region)
                    .unwrap_or_default(),
            ),
        }
    }

    /// Whether the object is missing, and not the bucket or the upload.
    pub(in super::super) fn is_missing_object(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            && !matches!(&*self.code, "NoSuchBucket" | "NoSuchUpload")
    }

    /// Whether the multipart upload is missing. For a listing of its parts, Ceph responds as for a missing
    /// object; a bare 404 may be from a proxy.
    pub(in super::super) fn is_missing_upload(&self) -> bool {
        match &*self.code {
            "NoSuchUpload" => true,
            "NoSuchKey" => self.status == StatusCode::NOT_FOUND,
            _ => false,
        }
    }

    pub(super) fn is_retryable(&self) -> bool {
        const STATUS: [StatusCode; 2] =
            [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
        // The last two are damage in transit.
        const CODES: [&str; 3] = ["RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch"];
        is_failure(self.status)
            || STATUS.contains(&self.status)
            || CODES.contains(&self.code.as_str())
    }
}

/// Whether the service reports an internal failure.
pub(in super::super) fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// Codes and regions are shown to people, so only plain ones are accepted.
fn plain(text: String) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let plain = !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain);
    plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Refusal {
        Refusal::parse(StatusCode::BAD_REQUEST, &HeaderMap::new(), body)
    }

    #[test]
    fn code_message_and_region_are_parsed() {
        let body = "<?xml version=\"1.0\"?>\n<Error xmlns=\"x\"><Code>AuthorizationHeaderMalformed</Code>\
                    <Message>Wrong &amp; wrong</Message><Region>us-east-2</Region><Extra/></Error>";
        let refusal = parse(body);
        assert_eq!(refusal.code, "AuthorizationHeaderMalformed");
        assert_eq!(refusal.message, "Wrong & wrong");
        assert_eq!(refusal.region.as_deref(), Some("us-east-2"));
        let wrapped = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>";
        assert_eq!(parse(wrapped).code, "AccessDenied");
    }

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

    #[test]
    fn document_that_is_no_error_has_no_code() {
        for body in [
            "",
            "not XML",
            "<html><body>502</body></html>",
            "<Error><Code>",
        ] {
            assert_eq!(parse(body).code, "", "{body}");
        }
        let long = format!("<Error><Code>{}</Code></Error>", "a".repeat(65));
        for body in ["<Error><Code>a b</Code></Error>", &long] {
            assert_eq!(parse(body).code, "", "{body}");
        }
    }

    #[test]
    fn session_token_of_the_signed_request_is_dropped() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAHUSH</AWSAccessKeyId>\
                    <CanonicalRequest>x-amz-security-token:hush</CanonicalRequest></Error>";
        let shown = format!("{:?}", parse(body)).to_lowercase();
        assert!(
            shown.contains("signaturedoesnotmatch") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
