use aar_types::ErrorBody;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::standing;
use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::UploadPath,
    tus::{self, Resumable},
};

/// Continues an upload. What arrives is kept, also of a request that breaks off; with the last
/// byte the image is verified.
#[utoipa::path(
    patch,
    path = "/1.0/uploads/{id}",
    tag = "uploads",
    operation_id = "append_to_upload",
    params(
        UploadPath,
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the upload continues"),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The next bytes"),
    responses(
        (status = 204, description = "`Upload-Offset` tells where to continue"),
        (status = 404, body = ErrorBody, description = "There is no such upload, or no longer"),
        (status = 409, body = ErrorBody, description = "It continues at another offset"),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        (status = 413, body = ErrorBody, description = "More bytes than announced"),
        (status = 415, body = ErrorBody, description = "The body has another type"),
        (status = 422, body = ErrorBody, description = "The image is not what was announced; nothing of it is kept"),
        (status = 423, body = ErrorBody, description = "Another request is writing to it"),
        Refusals,
    )
)]
pub(in crate::http) async fn append(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    _: Resumable,
    UploadPath { id }: UploadPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    tus::require_bytes(&headers)?;
    let offset = tus::number(&headers, tus::OFFSET)?;
    let append = async move { publisher.append(id, offset, body.into_data_stream()).await };
    let upload = app.completion().run(append).await?;
    Ok(standing(&upload, StatusCode::NO_CONTENT))
}
