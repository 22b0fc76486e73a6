//! `GET /1.0/applications/<id>/manifest`: the manifest of the newest version.

use axum::response::Response;

use crate::http::{auth::Trusted, body::Path, error::ApiError, manifest};

/// Sends it as a file.
pub(in crate::http) async fn newest(
    caller: Trusted,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let file = caller.ams.applications().manifest(&id, None).await?;
    Ok(manifest::answer(file))
}
