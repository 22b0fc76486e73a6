//! `GET /1.0/applications/<id>/manifest`: sends the manifest of the newest version.

use axum::response::Response;

use crate::http::{auth::TrustedCaller, body::Path, error::ApiError, manifest};

pub(in crate::http) async fn newest(
    caller: TrustedCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let file = caller.ams.applications().manifest(&id, None).await?;
    Ok(manifest::respond(file))
}
