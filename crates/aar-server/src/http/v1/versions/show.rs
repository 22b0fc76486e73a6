use aar_types::{Envelope, ErrorBody, Version};
use axum::{Json, extract::State, http::HeaderMap, response::Response};

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsClient},
    parameters::VersionPath,
};

/// A version.
#[utoipa::path(
    get,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "show_version",
    params(VersionPath),
    responses(
        (status = 200, body = Envelope<Version>),
        (status = 304, description = "The caller has this revision"),
        (status = 404, body = ErrorBody, description = "There is no such version"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    AsClient(reader): AsClient,
    State(app): State<App>,
    headers: HeaderMap,
    path: VersionPath,
) -> Result<Response, ApiError> {
    // Taken before the query: what is read may be newer than it says, never older.
    let stamp = app.stamp();
    if let Some(unchanged) = stamp.not_modified(&headers) {
        return Ok(unchanged);
    }
    let found = reader
        .version(&path.name, path.architecture, path.number)
        .await?;
    let version = found.ok_or_else(|| ApiError::no_version(&path))?;
    Ok(stamp.on(Json(Envelope::sync(version))))
}
