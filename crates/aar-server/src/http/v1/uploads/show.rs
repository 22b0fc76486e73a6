use aar_types::ErrorBody;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::standing;
use crate::http::{
    errors::{ApiError, Refusals},
    identity::AsPublisher,
    parameters::UploadPath,
    tus::{self, Resumable},
};

/// Where an upload continues.
#[utoipa::path(
    head,
    path = "/1.0/uploads/{id}",
    tag = "uploads",
    operation_id = "show_upload",
    params(
        UploadPath,
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 200, description = "`Upload-Offset` tells where"),
        (status = 404, body = ErrorBody, description = "There is no such upload, or no longer"),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    AsPublisher(publisher): AsPublisher,
    _: Resumable,
    UploadPath { id }: UploadPath,
) -> Result<Response, ApiError> {
    let found = publisher.upload(id).await?;
    let upload = found.ok_or_else(|| ApiError::no_upload(id))?;
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (tus::LENGTH, HeaderValue::from(upload.length)),
    ];
    Ok(standing(&upload, (StatusCode::OK, headers)))
}
