use aar_types::{Envelope, ErrorBody, VersionPatch};
use axum::{Json, extract::State};

use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, BodyRefusals, Refusals},
    parameters::{JsonBody, VersionPath},
    v1::applications::ChangeResult,
};

/// Withdraws a version or publishes it again.
#[utoipa::path(
    patch,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "patch_version",
    params(VersionPath),
    request_body = VersionPatch,
    responses(
        (status = 200, body = Envelope<ChangeResult>),
        (status = 404, body = ErrorBody, description = "The version does not exist"),
        Refusals,
        BodyRefusals,
    )
)]
pub(in crate::http) async fn patch(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    path: VersionPath,
    JsonBody(VersionPatch { published }): JsonBody<VersionPatch>,
) -> Result<Json<Envelope<ChangeResult>>, ApiError> {
    let not_found = path.not_found();
    let VersionPath {
        name,
        architecture,
        number,
    } = path;
    let change = async move {
        publisher
            .set_published(&name, architecture, number, published)
            .await
    };
    let changed = state.detached().run(change).await?.ok_or(not_found)?;
    Ok(Json(Envelope::sync(ChangeResult { changed })))
}
