use aar_types::ErrorBody;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::upload_response;
use crate::http::{
    auth::PublisherCaller,
    error::{ApiError, Refusals},
    parameters::UploadPath,
    tus::{self, Resumable},
};

/// Shows where an upload continues.
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
        (status = 200, description = "`Upload-Offset` is where the upload continues, `Upload-Metadata` is that of its creation"),
        (status = 404, body = ErrorBody, description = "The upload does not exist or has ended"),
        (status = 412, body = ErrorBody, description = "The client uses another version of the protocol"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    PublisherCaller(publisher): PublisherCaller,
    _: Resumable,
    UploadPath { id }: UploadPath,
) -> Result<Response, ApiError> {
    let found = publisher.upload(id).await?;
    let upload = found.ok_or_else(|| ApiError::no_upload(id))?;
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (tus::LENGTH, HeaderValue::from(upload.length)),
    ];
    let mut response = upload_response(&upload, (StatusCode::OK, headers));
    if let Some(metadata) = tus::metadata_of(&upload) {
        response.headers_mut().insert(tus::METADATA, metadata);
    }
    Ok(response)
}
