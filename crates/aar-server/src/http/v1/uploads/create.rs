use aar_registry::UploadNew;
use aar_types::ErrorBody;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};

use super::upload_response;
use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, Refusals},
    tus::{self, Resumable},
};

/// Creates the upload of an image.
///
/// If the image is stored already, the offset in the response is its length and no bytes are needed. A
/// body with the media type of `PATCH` holds the first bytes.
#[utoipa::path(
    post,
    path = "/1.0/uploads",
    tag = "uploads",
    operation_id = "create_upload",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "The size of the image"),
        ("Upload-Metadata" = String, Header, description = "`digest` followed by the hexadecimal SHA-256 of the image, in base64; other entries are kept"),
    ),
    request_body(content = Option<String>, content_type = "application/offset+octet-stream", description = "The first bytes, optional"),
    responses(
        (status = 201, description = "The upload is at `Location`"),
        (status = 412, body = ErrorBody, description = "The client uses another version of the protocol"),
        (status = 413, body = ErrorBody, description = "The image is too large"),
        (status = 429, body = ErrorBody, description = "Too many uploads are open"),
        (status = 507, body = ErrorBody, description = "No space is left"),
        Refusals,
    )
)]
pub(in crate::http) async fn create(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    _: Resumable,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let length = tus::number(&headers, tus::LENGTH)?;
    let metadata = tus::metadata(&headers)?.to_owned();
    let digest = tus::digest(&metadata)?;
    let carries_bytes = tus::carries_bytes(&headers);
    let work = async move {
        let upload = publisher
            .create_upload(UploadNew { length, digest }, &metadata)
            .await?;
        if !carries_bytes || upload.complete {
            return Ok::<_, aar_registry::Error>(upload);
        }
        publisher
            .append(upload.id, 0, body.into_data_stream())
            .await
    };
    let upload = state.detached().run(work).await?;
    let location = [(header::LOCATION, format!("/1.0/uploads/{}", upload.id))];
    Ok(upload_response(&upload, (StatusCode::CREATED, location)))
}
