//! Errors as responses: one table from error to status, one place that writes bodies, one that logs.
//!
//! A failure of the server is logged with all its causes under the id of the request, and its response
//! holds only that id. A refusal tells the caller everything.

use std::{error, io, sync::Arc};

use aar_daemon::http::{RangeNotSatisfiable, add_date, drain_body, with_json_body};
use aar_types::error_chain;
use ams_api::error_codes;
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tracing::Instrument;
use uuid::Uuid;

use super::{envelope::Envelope, refusal::Refusal};
use crate::Error;

const NO_SPACE: &str = "AMS has no space left on its disk: free some, then try again";

const REQUEST_ID: HeaderName = HeaderName::from_static(aar_types::headers::REQUEST_ID);

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    BadRequest(String),
    /// The caller is not authorised.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    NotFound(String),
    #[error("no such route")]
    NoRoute,
    #[error("the route does not take this method")]
    MethodNotAllowed,
    #[error("the resource has changed: its ETag is not the one in If-Match")]
    PreconditionFailed,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error(transparent)]
    RangeNotSatisfiable(#[from] RangeNotSatisfiable),
    #[error("the limit of requests per second is reached: try again later")]
    TooManyRequests,
    #[error(transparent)]
    Domain(#[from] Error),
    #[error("the response could not be created")]
    Internal(#[source] Box<dyn error::Error + Send + Sync>),
}

impl ApiError {
    /// A failure of the server without a variant of its own.
    pub(super) fn internal(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Refused(Refusal::NoCertificate) => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RangeNotSatisfiable(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooManyRequests | Self::Refused(Refusal::TooManyAttempts { .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::Domain(error) => status_of(error),
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Distinguishes refusals with the same status.
    fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(_) | Self::Domain(Error::WrongTrustPassword) => {
                Some(error_codes::NOT_AUTHORIZED)
            }
            Self::Domain(Error::Immutable(_)) => Some(error_codes::IMMUTABLE),
            Self::Domain(Error::MadeHere(_)) => Some(error_codes::MADE_HERE),
            _ => None,
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::RangeNotSatisfiable(refused) => {
                Some((header::CONTENT_RANGE, refused.content_range()))
            }
            Self::TooManyRequests => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Refused(Refusal::TooManyAttempts { seconds }) => {
                Some((header::RETRY_AFTER, HeaderValue::from(*seconds)))
            }
            _ => None,
        }
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::ApplicationNotFound(_)
        | Error::VersionNotFound { .. }
        | Error::ApplicationGone(_)
        | Error::CertificateNotFound(_)
        | Error::UnknownConfigItem(_)
        | Error::NotInRegistry(..) => StatusCode::NOT_FOUND,
        Error::CertificateAmbiguous(_)
        | Error::NotReady { .. }
        | Error::NothingToStartFrom(_)
        | Error::OtherApplication { .. }
        | Error::FingerprintMismatch { .. }
        | Error::InvalidField { .. }
        | Error::ReadOnlyConfigItem(_)
        | Error::InvalidConfigValue { .. }
        | Error::RegistryNotConfigured(_)
        | Error::WrongMode(_)
        | Error::Package(_)
        | Error::Tls(_)
        | Error::Cancelled
        | Error::NotCancellable(_) => StatusCode::BAD_REQUEST,
        Error::Immutable(_) | Error::MadeHere(_) | Error::WrongTrustPassword => {
            StatusCode::FORBIDDEN
        }
        Error::CertificateExists(_) | Error::ApplicationExists(_) => StatusCode::CONFLICT,
        Error::Registry(_) | Error::Round(_) => StatusCode::BAD_GATEWAY,
        Error::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::StorageFull(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Lock(_)
        | Error::Setting(_)
        | Error::Store(_)
        | Error::Corrupt(_)
        | Error::Io(_)
        | Error::Interrupted(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<io::Error> for ApiError {
    fn from(error: io::Error) -> Self {
        Self::Domain(error.into())
    }
}

/// [`report`] writes the body: it knows the id of the request.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The middleware that assigns request ids, writes the bodies of errors and logs failures.
pub(super) async fn report(request: Request, next: Next) -> Response {
    let id = Uuid::new_v4().to_string();
    let route = format!("{} {}", request.method(), request.uri().path());
    let span = tracing::info_span!("request", id, route);
    async {
        let mut response = drain_body(request, next).await;
        if let Some(error) = response.extensions_mut().remove::<Arc<ApiError>>() {
            response = with_body(response, &error, &id);
        }
        if let Ok(id) = HeaderValue::try_from(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        add_date(&mut response);
        response
    }
    .instrument(span)
    .await
}

fn with_body(response: Response, error: &ApiError, id: &str) -> Response {
    let status = response.status();
    let causes = error_chain(error);
    let (message, metadata) = match status {
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(error = causes, "request failed");
            ("internal server error", json!({"request_id": id}))
        }
        // Every request that writes fails like this, and the program is not at fault.
        StatusCode::INSUFFICIENT_STORAGE => {
            tracing::warn!(error = causes, "request refused: no space left");
            (NO_SPACE, json!({"request_id": id}))
        }
        _ => match error.code() {
            Some(code) => (&*causes, json!({"code": code})),
            None => (&*causes, json!({})),
        },
    };
    with_json_body(response, &Envelope::error(status, message, metadata))
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn body_of(error: fn() -> ApiError) -> (Response<()>, Value) {
        let handler = get(move || async move { Err::<(), _>(error()) });
        let router = Router::new().route("/", handler).layer(from_fn(report));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap();
        (Response::from_parts(head, ()), body)
    }

    #[tokio::test]
    async fn refusal_tells_its_cause() {
        let (head, body) = body_of(|| Error::ApplicationNotFound("a".to_owned()).into()).await;
        assert_eq!(head.status(), StatusCode::NOT_FOUND);
        assert_eq!(body["error"], "there is no application \"a\"");
        assert_eq!(
            (&body["error_code"], &body["metadata"]),
            (&json!(404), &json!({}))
        );
    }

    #[tokio::test]
    async fn refusals_with_the_same_status_have_different_codes() {
        let game = || Error::Immutable("game".parse().unwrap()).into();
        let (head, body) = body_of(game).await;
        assert_eq!(head.status(), StatusCode::FORBIDDEN);
        assert_eq!(body["metadata"]["code"], error_codes::IMMUTABLE);
        let (head, body) = body_of(|| Error::MadeHere("game".parse().unwrap()).into()).await;
        assert_eq!(head.status(), StatusCode::FORBIDDEN);
        assert_eq!(body["metadata"]["code"], error_codes::MADE_HERE);
        let (head, body) = body_of(|| Refusal::User(7).into()).await;
        assert_eq!(head.status(), StatusCode::FORBIDDEN);
        assert_eq!(body["metadata"]["code"], error_codes::NOT_AUTHORIZED);
    }

    #[tokio::test]
    async fn failure_tells_only_the_request_id() {
        let (head, body) = body_of(|| Error::Corrupt("a secret".to_owned()).into()).await;
        assert_eq!(head.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["error"], "internal server error");
        assert_eq!(
            body["metadata"]["request_id"],
            head.headers()[REQUEST_ID].to_str().unwrap()
        );
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn full_disk_and_unsatisfiable_range_have_responses_of_their_own() {
        let (head, body) = body_of(|| io::Error::from(io::ErrorKind::StorageFull).into()).await;
        assert_eq!(head.status(), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(body["error"], NO_SPACE);
        let (head, _) = body_of(|| RangeNotSatisfiable { size: 3 }.into()).await;
        assert_eq!(head.headers()[header::CONTENT_RANGE], "bytes */3");
    }
}
