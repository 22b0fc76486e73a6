use aar_registry::Published;
use aar_types::{Envelope, ErrorBody, VersionPut};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, BodyRefusals, Refusals},
    parameters::{JsonBody, VersionPath},
};

/// The effect of the commit on the version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::http) enum PublishOutcome {
    /// It was created.
    Created,
    /// It was withdrawn and is published again.
    OfferedAgain,
    /// It existed and has not changed.
    Unchanged,
}

/// The result of a commit.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PublishResult {
    /// The effect of the commit.
    outcome: PublishOutcome,
}

/// Commits a version whose image is stored.
///
/// Versions are immutable: the same content is accepted again, other content is refused.
#[utoipa::path(
    put,
    path = "/1.0/applications/{name}/{architecture}/versions/{number}",
    tag = "versions",
    operation_id = "put_version",
    params(VersionPath),
    request_body = VersionPut,
    responses(
        (status = 201, body = Envelope<PublishResult>, description = "The version was created"),
        (status = 200, body = Envelope<PublishResult>, description = "The version existed"),
        (status = 409, body = ErrorBody, description = "The version exists with other content, or its image is not stored"),
        (status = 422, body = ErrorBody, description = "The stored image does not have the declared size or fingerprint, or was not made from a package"),
        Refusals,
        BodyRefusals,
    )
)]
pub(in crate::http) async fn put(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    path: VersionPath,
    JsonBody(version): JsonBody<VersionPut>,
) -> Result<(StatusCode, Json<Envelope<PublishResult>>), ApiError> {
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
    let (status, outcome) = match state.detached().run(put).await? {
        Published::Created => (StatusCode::CREATED, PublishOutcome::Created),
        Published::OfferedAgain => (StatusCode::OK, PublishOutcome::OfferedAgain),
        Published::Unchanged => (StatusCode::OK, PublishOutcome::Unchanged),
    };
    Ok((status, Json(Envelope::sync(PublishResult { outcome }))))
}
