use aar_types::{Envelope, ErrorBody};
use axum::{Json, extract::State};

use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, Refusals},
    parameters::VersionPath,
    v1::applications::DeletionResult,
};

/// Deletes a version. The application is deleted with its last version.
#[utoipa::path(
    delete,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "remove_version",
    params(VersionPath),
    responses(
        (status = 200, body = Envelope<DeletionResult>),
        (status = 404, body = ErrorBody, description = "The version does not exist"),
        Refusals,
    )
)]
pub(in crate::http) async fn remove(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    path: VersionPath,
) -> Result<Json<Envelope<DeletionResult>>, ApiError> {
    let not_found = path.not_found();
    let VersionPath {
        name,
        architecture,
        number,
    } = path;
    let remove = async move { publisher.remove_version(&name, architecture, number).await };
    if state.detached().run(remove).await? {
        Ok(Json(Envelope::sync(DeletionResult { versions: 1 })))
    } else {
        Err(not_found)
    }
}
