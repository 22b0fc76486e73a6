use aar_registry::Published;
use aar_types::{Envelope, ErrorBody, VersionPut};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::{Sent, VersionPath},
};

/// What became of the version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::http) enum Outcome {
    /// It is new.
    Created,
    /// It was withdrawn and is offered again.
    OfferedAgain,
    /// It was there already, and is as it was.
    Unchanged,
}

/// The answer to the commit of a version.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Committed {
    /// What became of it.
    outcome: Outcome,
}

/// Commits a version whose image is stored.
///
/// Versions do not change: the same content again is accepted and changes nothing, another content
/// is refused.
#[utoipa::path(
    put,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "put_version",
    params(VersionPath),
    request_body = VersionPut,
    responses(
        (status = 201, body = Envelope<Committed>, description = "The version is new"),
        (status = 200, body = Envelope<Committed>, description = "The version was there already"),
        (status = 409, body = ErrorBody, description = "The version exists with another content, or its image is not stored"),
        (status = 422, body = ErrorBody, description = "The stored image is not what the version says"),
        Refusals,
    )
)]
pub(in crate::http) async fn put(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    path: VersionPath,
    Sent(version): Sent<VersionPut>,
) -> Result<(StatusCode, Json<Envelope<Committed>>), ApiError> {
    let VersionPath {
        name,
        architecture,
        number,
    } = path;
    let put = async move {
        publisher
            .publish(&name, architecture, number, version)
            .await
    };
    let (status, outcome) = match app.completion().run(put).await? {
        Published::Created => (StatusCode::CREATED, Outcome::Created),
        Published::OfferedAgain => (StatusCode::OK, Outcome::OfferedAgain),
        Published::Unchanged => (StatusCode::OK, Outcome::Unchanged),
    };
    Ok((status, Json(Envelope::sync(Committed { outcome }))))
}
