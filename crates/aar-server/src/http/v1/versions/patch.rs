use aar_types::{Envelope, ErrorBody, VersionPatch};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::{Sent, VersionPath},
};

/// What became of the version.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Patched {
    /// Whether it is other than before.
    changed: bool,
}

/// Withdraws a version, or offers it again.
#[utoipa::path(
    patch,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "patch_version",
    params(VersionPath),
    request_body = VersionPatch,
    responses(
        (status = 200, body = Envelope<Patched>),
        (status = 404, body = ErrorBody, description = "There is no such version"),
        Refusals,
    )
)]
pub(in crate::http) async fn patch(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    path: VersionPath,
    Sent(VersionPatch { published }): Sent<VersionPatch>,
) -> Result<Json<Envelope<Patched>>, ApiError> {
    let missing = path.missing();
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
    let changed = app.completion().run(change).await?.ok_or(missing)?;
    Ok(Json(Envelope::sync(Patched { changed })))
}
