//! Errors as responses.
//!
//! A handler only returns an [`ApiError`]. It travels as an extension of the response to
//! [`report`](super::report), which knows the request, logs the error once and writes the body. The log has
//! the cause of a failure of the server; the response has the id of that log entry.

use std::{collections::BTreeMap, error::Error, sync::Arc};

use aar_registry::{Refusal, UploadId};
use aar_types::{ApplicationName, ErrorCode, error_chain, headers::UPLOAD_OFFSET};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use utoipa::{
    IntoResponses,
    openapi::{self, Content, Ref, RefOr, ResponseBuilder},
};

/// The response to a request that is refused or has failed.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// The request is invalid; the message names the part.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    pub(crate) fn no_application(name: &ApplicationName) -> Self {
        let message = format!("there is no application {name}");
        Self::new(ErrorCode::ApplicationNotFound, message)
    }

    pub(crate) fn no_upload(id: UploadId) -> Self {
        aar_registry::Error::UploadNotFound { id }.into()
    }

    /// The server failed; only the log has the cause.
    pub(crate) fn failure(code: ErrorCode, cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            cause: Some(Arc::new(cause)),
            ..Self::new(code, public_message(code))
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether the caller is not authorised.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.code.status(), 401 | 403)
    }

    /// The cause and its sources in one line, for the log.
    pub(crate) fn chain(&self) -> Option<String> {
        let cause: &(dyn Error + 'static) = self.cause.as_deref()?;
        Some(error_chain(cause))
    }
}

/// The message of a failure of the server, in place of its cause.
fn public_message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::StorageFull => {
            "the registry has no space left for this: try again when space has been freed"
        }
        ErrorCode::Unavailable => "the registry is temporarily unavailable: try again later",
        _ => "the registry failed: its log has the cause under the request id",
    }
}

impl From<aar_registry::Error> for ApiError {
    fn from(error: aar_registry::Error) -> Self {
        let code = error.code();
        if let aar_registry::Error::UploadOffset { expected, .. } = error {
            let refusal = Self::new(code, error.to_string());
            return refusal.with_header(HeaderName::from_static(UPLOAD_OFFSET), expected);
        }
        // A lack of space for an upload is no failure, and the caller may know the sizes.
        let busy = matches!(
            error,
            aar_registry::Error::StagingFull { .. } | aar_registry::Error::VolumeFull(_)
        );
        if matches!(error, aar_registry::Error::Undelivered { .. }) {
            Self {
                message: error.to_string(),
                ..Self::failure(code, error)
            }
        } else if code.status() >= 500 && !busy {
            Self::failure(code, error)
        } else {
            Self::new(code, error.to_string())
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl IntoResponse for ApiError {
    /// Without body: `report` writes it.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status());
        let mut response = status
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// The responses of all routes that need a certificate, for the OpenAPI document.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        BTreeMap::from([
            refusal("400", "The request is invalid; the message names the part"),
            refusal("401", "No client certificate was shown"),
            refusal(
                "403",
                "The certificate is unknown, revoked, expired, or trusted for less",
            ),
            refusal(
                "500",
                "The server failed; its log has the cause under the request id",
            ),
            refusal("503", "The database or the storage is unavailable"),
        ])
    }
}

/// The responses of all routes that take a JSON body.
pub(crate) struct BodyRefusals;

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        BTreeMap::from([
            refusal("413", "The body is too large"),
            refusal("415", "The body is not declared as JSON"),
            refusal("507", "There is no space left"),
        ])
    }
}

fn refusal(status: &str, description: &str) -> (String, RefOr<openapi::Response>) {
    let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/json", body);
    (status.to_owned(), RefOr::T(response.build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_is_reported_without_its_cause_and_reserved_space_with_the_numbers() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
        let full = ApiError::from(aar_registry::Error::StorageFull { source });
        assert_eq!(full.code(), ErrorCode::StorageFull);
        assert!(
            full.message().contains("no space left"),
            "{}",
            full.message()
        );
        let chain = full.chain().unwrap();
        assert_eq!(chain, "storage is full: no storage space");
        let (free, length) = (5, 10);
        let busy = ApiError::from(aar_registry::Error::StagingFull { free, length });
        assert_eq!(busy.code(), ErrorCode::StorageFull);
        assert!(
            busy.message().contains("leave 5 bytes"),
            "{}",
            busy.message()
        );
        assert_eq!(busy.chain(), None);
    }
}
