use aar_types::{Envelope, ErrorBody, Version};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use crate::http::{
    auth::{AppState, ClientCaller},
    error::{ApiError, Refusals},
    parameters::VersionPath,
};

/// Shows a version.
#[utoipa::path(
    get,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "show_version",
    params(VersionPath),
    responses(
        (status = 200, body = Envelope<Version>),
        (status = 304, description = "The client has this revision"),
        (status = 404, body = ErrorBody, description = "The version does not exist"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    ClientCaller(reader): ClientCaller,
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    path: VersionPath,
) -> Result<Response, ApiError> {
    let read = async |revision| {
        let found = reader
            .version(&path.name, path.architecture, path.number)
            .await?;
        let version = found.ok_or_else(|| path.not_found())?;
        Ok((Envelope::sync(version), revision))
    };
    state.respond(&uri, &headers, read).await
}
