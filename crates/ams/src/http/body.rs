//! JSON bodies, path and query parameters, read strictly.
//!
//! The content type of a JSON body is not checked: existing programs send none, or the default of curl.

use aar_daemon::http::{JsonBodyError, parse_query, read_json_body};
use aar_types::InvalidValue;
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request, rejection::PathRejection},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// The longest body of an authorised caller.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// The longest body of a caller that is not authorised: a certificate and the trust password.
pub(crate) const MAX_UNKNOWN_BODY: usize = 16 * 1024;

/// A JSON body. An empty one stands for `{}`.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read_json(request.into_body(), MAX_BODY).await.map(Self)
    }
}

pub(super) async fn read_json<T: DeserializeOwned>(
    body: Body,
    limit: usize,
) -> Result<T, ApiError> {
    Ok(read_json_body(body, limit, b"{}").await?)
}

impl From<JsonBodyError> for ApiError {
    fn from(error: JsonBodyError) -> Self {
        match error {
            JsonBodyError::TooLarge { limit } => Self::TooLarge { limit },
            JsonBodyError::Incomplete(_) | JsonBodyError::Invalid(_) => {
                Self::BadRequest(error.to_string())
            }
        }
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
            Err(PathRejection::FailedToDeserializePathParams(invalid)) => {
                Err(ApiError::BadRequest(invalid.into_kind().to_string()))
            }
            Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
        }
    }
}

/// The query parameters; unknown ones are ignored.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parse_query(&parts.uri)
            .map(Self)
            .map_err(ApiError::BadRequest)
    }
}

impl From<InvalidValue> for ApiError {
    fn from(invalid: InvalidValue) -> Self {
        Self::BadRequest(invalid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use ams_api::{ApplicationPatch, ApplicationsDelete, ConfigPost, SyncPost};
    use serde_json::{Value, json};

    use super::*;

    async fn read<T: DeserializeOwned>(body: impl Into<Body>) -> Result<T, ApiError> {
        read_json(body.into(), MAX_BODY).await
    }

    async fn refusal<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        let refused = read::<T>(json.to_owned()).await;
        let ApiError::BadRequest(message) = refused.unwrap_err() else {
            panic!("{json}");
        };
        message
    }

    #[tokio::test]
    async fn empty_body_stands_for_an_empty_object() {
        let value: Value = read(Body::empty()).await.unwrap();
        assert_eq!(value, json!({}));
    }

    #[tokio::test]
    async fn invalid_and_large_bodies_are_refused() {
        let refused = read::<Value>("{").await.unwrap_err();
        assert!(matches!(refused, ApiError::BadRequest(_)), "{refused:?}");
        let large = Body::from(vec![b' '; MAX_BODY + 1]);
        let refused = read::<Value>(large).await.unwrap_err();
        assert!(matches!(refused, ApiError::TooLarge { .. }), "{refused:?}");
    }

    #[tokio::test]
    async fn list_is_not_an_object_at_any_depth() {
        let whole = "body: a list is not an object";
        let delete = refusal::<ApplicationsDelete>(r#"[["game"], true]"#);
        assert_eq!(delete.await, whole);
        let config = refusal::<ConfigPost>(r#"["registry.mode", "manual"]"#);
        assert_eq!(config.await, whole);
        assert_eq!(refusal::<SyncPost>("[true]").await, whole);
        for (json, field) in [
            (r#"{"resources": [4]}"#, "resources"),
            (r#"{"watchdog": [true, []]}"#, "watchdog"),
            (r#"{"services": [["ssh", 22]]}"#, "services[0]"),
        ] {
            let refusal = refusal::<ApplicationPatch>(json).await;
            assert_eq!(refusal, format!("{field}: a list is not an object"));
        }
    }

    #[tokio::test]
    async fn refusal_names_the_field_in_plain_words() {
        for (json, expected) in [
            (r#"{"tags": "fun"}"#, "tags: \"fun\" is not a list"),
            (r#"{"tags": [1]}"#, "tags[0]: 1 is not a text"),
            (
                r#"{"resources": {"cpus": "many"}}"#,
                "resources.cpus: \"many\" is not a whole number",
            ),
            (
                r#"{"resources": {"cpus": 1.5}}"#,
                "resources.cpus: 1.5 is not a whole number",
            ),
            (
                r#"{"inhibit_auto_updates": 1}"#,
                "inhibit_auto_updates: 1 is not true or false",
            ),
            (
                r#"{"services": [{"name": "a"}]}"#,
                "services[0].port: is missing",
            ),
            (
                r#"{"services": [{"name": "a", "port": 70000}]}"#,
                "services[0].port: 70000 is out of range",
            ),
            (
                r#"{"services": [{"name": "a", "port": 1, "protocols": ["sctp"]}]}"#,
                "services[0].protocols[0]: \"sctp\" is not one of tcp, udp",
            ),
            (
                r#"{"video_encoder": "magic"}"#,
                "video_encoder: \"magic\" is not a video encoder (gpu, gpu-preferred, software or \
                 vpu)",
            ),
            (r#"{"video_encoder": 1}"#, "video_encoder: 1 is not a text"),
        ] {
            assert_eq!(refusal::<ApplicationPatch>(json).await, expected);
        }
    }

    #[tokio::test]
    async fn unknown_fields_are_ignored() {
        let json = r#"{"ids": ["a", "b"], "force": true, "later": {"more": [1, null]}}"#;
        let read: ApplicationsDelete = read(json).await.unwrap();
        assert_eq!((read.ids.len(), read.force), (2, true));
    }
}
