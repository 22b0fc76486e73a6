use aar_types::ErrorBody;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::upload_response;
use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, Refusals},
    parameters::UploadPath,
    tus::{self, Resumable},
};

/// Continues an upload. Received bytes are kept even if the request is cut off. The last byte completes
/// and verifies the image.
#[utoipa::path(
    patch,
    path = "/1.0/uploads/{id}",
    tag = "uploads",
    operation_id = "append_to_upload",
    params(
        UploadPath,
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "The offset of the first byte in the body"),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The next bytes"),
    responses(
        (status = 204, description = "`Upload-Offset` is where the upload continues"),
        (status = 404, body = ErrorBody, description = "The upload does not exist or has ended"),
        (status = 409, body = ErrorBody, description = "The upload continues at another offset"),
        (status = 412, body = ErrorBody, description = "The client uses another version of the protocol"),
        (status = 413, body = ErrorBody, description = "The body has more bytes than declared"),
        (status = 415, body = ErrorBody, description = "The body has another media type"),
        (status = 422, body = ErrorBody, description = "The image does not have the declared digest; its bytes are deleted"),
        (status = 423, body = ErrorBody, description = "Another request is writing to the upload"),
        Refusals,
    )
)]
pub(in crate::http) async fn append(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    _: Resumable,
    UploadPath { id }: UploadPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    tus::require_bytes(&headers)?;
    let offset = tus::number(&headers, tus::OFFSET)?;
    let append = async move { publisher.append(id, offset, body.into_data_stream()).await };
    let upload = state.detached().run(append).await?;
    Ok(upload_response(&upload, StatusCode::NO_CONTENT))
}
