//! JSON bodies, path and query parameters: read strictly, refused in the frame that clients know.
//!
//! The content type of a body is not asked for where only JSON makes sense: the programs in the
//! field send none, or the one that curl makes up.

use std::error::Error as _;

use aar_types::InvalidValue;
use axum::{
    body::{Body, Bytes},
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{PathRejection, QueryRejection},
    },
    http::request::Parts,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::{error::ApiError, json};

const MAX_BODY: usize = 1024 * 1024;

/// A JSON body. An empty one stands for `{}`.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read_json(request.into_body()).await.map(Self)
    }
}

/// Reads a whole body as JSON.
pub(super) async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = collect(body).await?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    json::read(json).map_err(|misfit| ApiError::BadRequest(misfit.to_string()))
}

async fn collect(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge {
            limit: MAX_BODY as u64,
        }),
        Err(error) => Err(ApiError::BadRequest(format!("the body broke off: {error}"))),
    }
}

/// The parameters in the path.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(PathRejection::FailedToDeserializePathParams(bad)) => {
                Err(ApiError::BadRequest(bad.into_kind().to_string()))
            }
            Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
        }
    }
}

/// The parameters behind the question mark; those that the route does not know are ignored.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::BadRequest(misread(&rejection))),
        }
    }
}

/// What is wrong with which parameter. How it came out means nothing to the caller.
fn misread(rejection: &QueryRejection) -> String {
    let cause = rejection.source();
    cause.map_or_else(|| rejection.body_text(), ToString::to_string)
}

impl From<InvalidValue> for ApiError {
    fn from(invalid: InvalidValue) -> Self {
        Self::BadRequest(invalid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn an_empty_body_stands_for_an_empty_object() {
        let value: Value = read_json(Body::empty()).await.unwrap();
        assert_eq!(value, json!({}));
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_or_too_large_is_refused() {
        let refused = read_json::<Value>(Body::from("{")).await.unwrap_err();
        assert!(matches!(refused, ApiError::BadRequest(_)), "{refused:?}");
        let large = Body::from(vec![b' '; MAX_BODY + 1]);
        let refused = read_json::<Value>(large).await.unwrap_err();
        assert!(matches!(refused, ApiError::TooLarge { .. }), "{refused:?}");
    }
}
