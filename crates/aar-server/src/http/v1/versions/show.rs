use aar_types::{Envelope, ErrorBody, Version};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

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
    uri: Uri,
    headers: HeaderMap,
    path: VersionPath,
) -> Result<Response, ApiError> {
    let make = async |revision| {
        let found = reader
            .version(&path.name, path.architecture, path.number)
            .await?;
        let version = found.ok_or_else(|| path.missing())?;
        Ok((Envelope::sync(version), revision))
    };
    app.answer(&uri, &headers, make).await
}
