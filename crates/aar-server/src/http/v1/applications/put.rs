use aar_types::{ApplicationMetadata, Envelope, ErrorBody};
use axum::{Json, extract::State};

use super::ChangeResult;
use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, BodyRefusals, Refusals},
    parameters::{JsonBody, VariantPath},
};

/// Replaces the metadata that all versions of an application on one architecture share.
#[utoipa::path(
    put,
    path = "/1.0/applications/{name}/{architecture}",
    tag = "applications",
    operation_id = "put_application",
    params(VariantPath),
    request_body = ApplicationMetadata,
    responses(
        (status = 200, body = Envelope<ChangeResult>),
        (status = 404, body = ErrorBody, description = "The application does not exist"),
        Refusals,
        BodyRefusals,
    )
)]
pub(in crate::http) async fn put(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    VariantPath { name, architecture }: VariantPath,
    JsonBody(metadata): JsonBody<ApplicationMetadata>,
) -> Result<Json<Envelope<ChangeResult>>, ApiError> {
    let not_found = ApiError::no_application(&name);
    let put = async move {
        publisher
            .put_application(&name, architecture, metadata)
            .await
    };
    let changed = state.detached().run(put).await?.ok_or(not_found)?;
    Ok(Json(Envelope::sync(ChangeResult { changed })))
}
