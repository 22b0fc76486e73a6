//! Versions of an application.

pub(in crate::http) mod delete;
pub(in crate::http) mod export;
pub(in crate::http) mod manifest;
pub(in crate::http) mod publish;

use aar_types::VersionNumber;
use axum::{extract::FromRequestParts, http::request::Parts};

use crate::http::{body::Path, error::ApiError};

#[derive(Debug)]
pub(in crate::http) struct VersionPath {
    /// The id or name of the application.
    id: String,
    number: VersionNumber,
}

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state);
        let Path((id, number)) = path.await?;
        let number = number.parse()?;
        Ok(Self { id, number })
    }
}
