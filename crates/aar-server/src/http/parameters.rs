//! What requests carry, read strictly: a part that is not understood is named in a 400.

use std::str::FromStr;

use aar_registry::UploadId;
use aar_types::{ApplicationName, Architecture, ErrorCode, VersionNumber};
use axum::{
    Json, RequestExt,
    extract::{
        FromRequest, FromRequestParts, Query, RawPathParams, Request, rejection::JsonRejection,
    },
};
use http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::errors::ApiError;

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
    /// There is no such version.
    pub(crate) fn missing(&self) -> ApiError {
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
    /// The id of the upload, as its creation has told it.
    #[param(value_type = String)]
    pub(crate) id: UploadId,
}

/// The places of a route, by name.
struct Places(RawPathParams);

impl Places {
    async fn of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let places = RawPathParams::from_request_parts(parts, state).await;
        places
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

macro_rules! from_places {
    ($($type:ident { $($field:ident),+ })+) => {$(
        impl<S: Send + Sync> FromRequestParts<S> for $type {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                let places = Places::of(parts, state).await?;
                Ok(Self { $($field: places.get(stringify!($field))?),+ })
            }
        }
    )+};
}

from_places! {
    ApplicationPath { name }
    VariantPath { name, architecture }
    VersionPath { name, architecture, number }
    UploadPath { id }
}

/// The part of the address after the question mark. Unknown names are refused: a filter that is
/// misspelt must not select everything.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(value)| Self(value))
            .map_err(|rejection| ApiError::invalid(format!("query: {}", detail(&rejection))))
    }
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Sent<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let body = request.extract::<Json<T>, _>().await;
        body.map(|Json(value)| Self(value))
            .map_err(|rejection| refuse_body(&rejection))
    }
}

fn refuse_body(rejection: &JsonRejection) -> ApiError {
    let code = match rejection.status().as_u16() {
        413 => ErrorCode::TooLarge,
        415 => ErrorCode::UnsupportedMediaType,
        _ => ErrorCode::InvalidRequest,
    };
    ApiError::new(code, format!("body: {}", detail(rejection)))
}

/// The innermost cause: it names the key and the value, the outer ones only repeat the kind.
fn detail(rejection: &(dyn std::error::Error + 'static)) -> String {
    let outermost = rejection.to_string();
    rejection.source().map_or(outermost, ToString::to_string)
}
