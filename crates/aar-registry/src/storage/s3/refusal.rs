use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// An error response. The rest of its document is dropped: for a wrong signature it holds the signed text,
/// with the session token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    /// The region of the bucket, if the response has it.
    pub(super) region: Option<String>,
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
    pub(super) fn parse(status: StatusCode, headers: &HeaderMap, body: &str) -> Self {
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
    pub(super) fn is_missing_object(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            && !matches!(&*self.code, "NoSuchBucket" | "NoSuchUpload")
    }

    /// Whether the multipart upload is missing. For a listing of its parts, Ceph responds as for a missing
    /// object; a bare 404 may be from a proxy.
    pub(super) fn is_missing_upload(&self) -> bool {
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
pub(super) fn is_failure(status: StatusCode) -> bool {
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
