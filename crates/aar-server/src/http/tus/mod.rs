//! The headers of the tus 1.0 protocol. The registry handles the uploads themselves.
//!
//! The server supports core, creation, creation-with-upload, expiration and termination. A new upload
//! declares its length, and the SHA-256 of its bytes as the metadata entry `digest`.

pub(crate) mod headers;

use aar_daemon::http::media_type;
use aar_registry::Upload;
use aar_types::{Digest, ErrorCode};
use axum::{
    extract::{FromRequestParts, Request},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, request::Parts};
use jiff::{Timestamp, fmt::rfc2822};

use super::error::ApiError;

pub(crate) use headers::{
    EXPIRES, EXTENSION, LENGTH, MAX_SIZE, METADATA, OFFSET, RESUMABLE, VERSION,
};

/// The longest `Upload-Metadata`, in bytes.
const MAX_METADATA: usize = 4096;

const UPLOADS: &str = "/1.0/uploads/";
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

pub(crate) const PROTOCOL: HeaderValue = HeaderValue::from_static("1.0.0");
pub(crate) const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,expiration,termination");
/// The media type of a body with bytes of an upload.
pub(crate) const OFFSET_OCTET_STREAM: &str = "application/offset+octet-stream";

/// Proves that the client uses this version of the protocol.
pub(crate) struct Resumable;

impl<S: Send + Sync> FromRequestParts<S> for Resumable {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        if parts.headers.get(RESUMABLE) == Some(&PROTOCOL) {
            return Ok(Self);
        }
        let message = "header tus-resumable: this server supports version 1.0.0";
        let error = ApiError::new(ErrorCode::PreconditionFailed, message);
        Err(error.with_header(VERSION, PROTOCOL))
    }
}

/// The middleware of the upload routes: every response, also an error, has the version.
pub(crate) async fn add_version(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(RESUMABLE, PROTOCOL);
    response
}

/// Reads a header with a number of bytes.
pub(crate) fn number(headers: &HeaderMap, name: HeaderName) -> Result<u64, ApiError> {
    let title = name.to_string();
    let value = headers.get(name);
    let value = value.ok_or_else(|| ApiError::invalid(format!("header {title} is missing")))?;
    let digits = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| {
            ApiError::invalid(format!(
                "header {title}: {value:?} is not a number of bytes"
            ))
        })
}

/// Reads `Upload-Metadata`: entries separated by commas, each a name and a value in base64. It is kept with
/// the upload, so its length is limited.
pub(crate) fn metadata(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(METADATA).map(HeaderValue::to_str);
    let value = value.transpose().ok().flatten().unwrap_or_default();
    if value.len() > MAX_METADATA {
        let length = value.len();
        return Err(refuse_metadata(&format!(
            "it has {length} bytes, at most {MAX_METADATA} are kept"
        )));
    }
    Ok(value)
}

/// Reads the digest from the metadata of an upload.
pub(crate) fn digest(metadata: &str) -> Result<Digest, ApiError> {
    let missing = || refuse_metadata("no entry `digest` with the SHA-256 of the upload in base64");
    let mut entries = metadata.split(',').map(str::trim);
    let encoded = entries.find_map(|entry| entry.strip_prefix("digest "));
    let decoded = STANDARD.decode(encoded.ok_or_else(missing)?.trim()).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| refuse_metadata("entry `digest` is not text in base64"))?;
    text.parse().map_err(|error: aar_types::InvalidValue| {
        refuse_metadata(&format!("entry `digest`: {error}"))
    })
}

fn refuse_metadata(reason: &str) -> ApiError {
    ApiError::invalid(format!("header upload-metadata: {reason}"))
}

/// `Upload-Metadata` of an upload, as it was created. Of an upload that an older release has created, only the
/// digest is known.
pub(crate) fn metadata_of(upload: &Upload) -> Option<HeaderValue> {
    if !upload.metadata.is_empty() {
        return HeaderValue::from_str(&upload.metadata).ok();
    }
    let encoded = STANDARD.encode(upload.digest.to_string());
    HeaderValue::try_from(format!("digest {encoded}")).ok()
}

/// Before the route is selected: `X-HTTP-Method-Override` of a POST to an upload names the method, for
/// clients behind proxies that pass on GET and POST only.
pub(crate) fn override_method(mut request: Request) -> Request {
    if let Some(method) = overridden(&request) {
        *request.method_mut() = method;
    }
    request
}

fn overridden(request: &Request) -> Option<Method> {
    let is_upload = request.uri().path().starts_with(UPLOADS);
    let name = request.headers().get(METHOD_OVERRIDE)?.to_str().ok()?;
    let known = [Method::PATCH, Method::DELETE, Method::HEAD];
    let named = |method: &Method| name.trim().eq_ignore_ascii_case(method.as_str());
    let method = known.into_iter().find(named);
    method.filter(|_| is_upload && request.method() == Method::POST)
}

/// Refuses a body of another media type.
pub(crate) fn require_bytes(headers: &HeaderMap) -> Result<(), ApiError> {
    if carries_bytes(headers) {
        return Ok(());
    }
    let message = format!("header content-type: send the bytes as {OFFSET_OCTET_STREAM}");
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, message))
}

/// Whether the body holds bytes of an upload.
pub(crate) fn carries_bytes(headers: &HeaderMap) -> bool {
    media_type(headers) == OFFSET_OCTET_STREAM
}

/// A moment in the form of `Upload-Expires`.
pub(crate) fn http_date(moment: Timestamp) -> Option<HeaderValue> {
    let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment);
    HeaderValue::from_str(&text.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_in(value: &str) -> Result<Digest, ApiError> {
        let headers = HeaderMap::from_iter([(METADATA, value.parse().unwrap())]);
        digest(metadata(&headers)?)
    }

    #[test]
    fn digest_is_found_among_other_entries() {
        let hex = "ab".repeat(32);
        let value = format!(
            "filename d29ybGQ=, digest {},private",
            STANDARD.encode(&hex)
        );
        assert_eq!(digest_in(&value).unwrap().to_string(), hex);
    }

    #[test]
    fn metadata_that_is_too_long_is_refused() {
        let error = digest_in(&"a ".repeat(3000)).unwrap_err();
        assert!(
            error.message().contains("at most 4096"),
            "{}",
            error.message()
        );
    }

    #[test]
    fn method_is_overridden_for_a_post_to_an_upload_only() {
        let overridden = |method: Method, path: &str, name: &str| {
            let request = Request::builder().method(method).uri(path);
            let request = request.header(METHOD_OVERRIDE, name);
            overridden(&request.body(axum::body::Body::empty()).unwrap())
        };
        let upload = "/1.0/uploads/1";
        assert_eq!(
            overridden(Method::POST, upload, "patch"),
            Some(Method::PATCH)
        );
        assert_eq!(
            overridden(Method::POST, upload, "DELETE"),
            Some(Method::DELETE)
        );
        assert_eq!(overridden(Method::POST, upload, "GET"), None);
        assert_eq!(overridden(Method::GET, upload, "DELETE"), None);
        assert_eq!(
            overridden(Method::POST, "/1.0/applications/a", "DELETE"),
            None
        );
    }

    #[test]
    fn missing_and_invalid_digests_are_refused_by_name() {
        for (value, expected) in [
            ("", "no entry `digest`"),
            ("digest", "no entry `digest`"),
            ("digest ???", "not text in base64"),
            ("digest YWJj", "\"abc\" is not a digest"),
        ] {
            let error = digest_in(value).unwrap_err();
            assert!(
                error.message().contains(expected),
                "{value}: {}",
                error.message()
            );
        }
    }

    #[test]
    fn numbers_consist_of_digits() {
        let with = |value: &'static str| HeaderMap::from_iter([(OFFSET, value.parse().unwrap())]);
        assert_eq!(number(&with("12"), OFFSET).unwrap(), 12);
        for invalid in ["+1", "-1", "", "1.5", "99999999999999999999"] {
            assert!(number(&with(invalid), OFFSET).is_err(), "{invalid:?}");
        }
        assert!(number(&HeaderMap::new(), OFFSET).is_err());
    }

    #[test]
    fn moments_have_the_form_of_http() {
        let moment = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(http_date(moment).unwrap(), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
}
