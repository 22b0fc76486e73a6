use aar_types::{Envelope, ErrorBody};
use axum::{Json, extract::State};

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::VersionPath,
    v1::applications::remove::Removed,
};

/// Deletes a version; with the last one its application goes.
#[utoipa::path(
    delete,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "remove_version",
    params(VersionPath),
    responses(
        (status = 200, body = Envelope<Removed>),
        (status = 404, body = ErrorBody, description = "There is no such version"),
        Refusals,
    )
)]
pub(in crate::http) async fn remove(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    path: VersionPath,
) -> Result<Json<Envelope<Removed>>, ApiError> {
    let missing = path.missing();
    let VersionPath {
        name,
        architecture,
        number,
    } = path;
    let remove = async move { publisher.remove_version(&name, architecture, number).await };
    if app.completion().run(remove).await? {
        Ok(Json(Envelope::sync(Removed { versions: 1 })))
    } else {
        Err(missing)
    }
}
