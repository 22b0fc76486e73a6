//! Path, query and body of requests, read strictly: the response to an invalid request names the part.

use std::str::FromStr;

use aar_daemon::http::{JsonBodyError, media_type, parse_query, read_json_body};
use aar_registry::UploadId;
use aar_types::{ApplicationName, Architecture, ErrorCode, SiteName, VersionNumber};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use http::{HeaderMap, request::Parts};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::error::ApiError;

const MAX_BODY: usize = 2 * 1024 * 1024;

/// The path of an application.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ApplicationPath {
    /// The name of the application.
    pub(crate) name: ApplicationName,
}

/// The path of an application on one architecture.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct VariantPath {
    /// The name of the application.
    pub(crate) name: ApplicationName,
    /// The architecture.
    pub(crate) architecture: Architecture,
}

/// The path of a version.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct VersionPath {
    /// The name of the application.
    pub(crate) name: ApplicationName,
    /// The architecture.
    pub(crate) architecture: Architecture,
    /// The number of the version.
    pub(crate) number: VersionNumber,
}

impl VersionPath {
    pub(crate) fn not_found(&self) -> ApiError {
        let Self {
            name,
            architecture,
            number,
        } = self;
        let message = format!("there is no version {number} of {name} for {architecture}");
        ApiError::new(ErrorCode::VersionNotFound, message)
    }
}

/// The path of an upload.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct UploadPath {
    /// The id of the upload, from the response that created it.
    #[param(value_type = String)]
    pub(crate) id: UploadId,
}

/// The path of a site.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SitePath {
    /// The name of the site, or the first 6 or more digits of the fingerprint of its certificate.
    #[param(value_type = String)]
    pub(crate) site: SiteName,
}

/// The parameters of a path, by name.
struct PathParameters(RawPathParams);

impl PathParameters {
    async fn read<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        parameters
            .map(Self)
            .map_err(|rejection| ApiError::invalid(format!("path: {}", rejection.body_text())))
    }

    fn get<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<T, ApiError> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let (_, value) = found.ok_or_else(|| ApiError::invalid(format!("path: no {name}")))?;
        value.parse().map_err(|error: T::Err| {
            ApiError::invalid(format!("path: {name}: {}", error.to_string()))
        })
    }
}

macro_rules! from_path_parameters {
    ($($type:ident { $($field:ident),+ })+) => {$(
        impl<S: Send + Sync> FromRequestParts<S> for $type {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                let parameters = PathParameters::read(parts, state).await?;
                Ok(Self { $($field: parameters.get(stringify!($field))?),+ })
            }
        }
    )+};
}

from_path_parameters! {
    ApplicationPath { name }
    VariantPath { name, architecture }
    VersionPath { name, architecture, number }
    UploadPath { id }
    SitePath { site }
}

/// The query. Unknown names are refused: a misspelt filter must not select everything.
#[derive(Debug)]
pub(crate) struct StrictQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parse_query(&parts.uri).map(Self);
        query.map_err(|error| ApiError::invalid(format!("query: {error}")))
    }
}

#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let message = "header content-type: send the body as application/json";
            return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
        }
        let body = read_json_body(request.into_body(), MAX_BODY, b"").await;
        body.map(Self).map_err(|error| {
            let code = match error {
                JsonBodyError::TooLarge { .. } => ErrorCode::TooLarge,
                JsonBodyError::Incomplete(_) | JsonBodyError::Invalid(_) => {
                    ErrorCode::InvalidRequest
                }
            };
            ApiError::new(code, error.to_string())
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = media_type(headers);
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}
