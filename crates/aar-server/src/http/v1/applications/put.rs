use aar_types::{ApplicationMetadata, Envelope, ErrorBody};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::{Sent, VariantPath},
};

/// What became of the metadata.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Put {
    /// Whether it is other than before.
    changed: bool,
}

/// Replaces what holds for all versions of an application on one architecture, all of it.
#[utoipa::path(
    put,
    path = "/1.0/applications/{name}/{architecture}",
    tag = "applications",
    operation_id = "put_application",
    params(VariantPath),
    request_body = ApplicationMetadata,
    responses(
        (status = 200, body = Envelope<Put>),
        (status = 404, body = ErrorBody, description = "There is no such application"),
        Refusals,
    )
)]
pub(in crate::http) async fn put(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    VariantPath { name, architecture }: VariantPath,
    Sent(metadata): Sent<ApplicationMetadata>,
) -> Result<Json<Envelope<Put>>, ApiError> {
    let missing = ApiError::no_application(&name);
    let put = async move {
        publisher
            .put_application(&name, architecture, metadata)
            .await
    };
    let changed = app.completion().run(put).await?.ok_or(missing)?;
    Ok(Json(Envelope::sync(Put { changed })))
}
