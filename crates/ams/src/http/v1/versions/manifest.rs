//! `GET /1.0/applications/<id>/<version>/manifest`: the manifest of a version.

use axum::response::Response;

use super::Named;
use crate::http::{auth::Trusted, error::ApiError, manifest};

/// Sends it as a file.
pub(in crate::http) async fn of_version(
    caller: Trusted,
    Named { id, number }: Named,
) -> Result<Response, ApiError> {
    let file = caller
        .ams
        .applications()
        .manifest(&id, Some(number))
        .await?;
    Ok(manifest::answer(file))
}
