use aar_registry::UploadNew;
use aar_types::ErrorBody;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};

use super::standing;
use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    tus::{self, Resumable},
};

/// Begins the upload of an image.
///
/// An image that is stored already needs no bytes: the answer's offset is its length. A body of
/// the type of `PATCH` holds the first bytes.
#[utoipa::path(
    post,
    path = "/1.0/uploads",
    tag = "uploads",
    operation_id = "create_upload",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "The size of the image"),
        ("Upload-Metadata" = String, Header, description = "`digest` and, in base64, the hexadecimal SHA-256 of the image"),
    ),
    request_body(content = Option<String>, content_type = "application/offset+octet-stream", description = "The first bytes, where there are any"),
    responses(
        (status = 201, description = "The upload is at `Location`"),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        (status = 413, body = ErrorBody, description = "The image is too large"),
        (status = 429, body = ErrorBody, description = "Too many uploads are open"),
        (status = 507, body = ErrorBody, description = "There is no space for it"),
        Refusals,
    )
)]
pub(in crate::http) async fn create(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    _: Resumable,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let length = tus::number(&headers, tus::LENGTH)?;
    let digest = tus::digest(&headers)?;
    let carries_bytes = tus::carries_bytes(&headers);
    let work = async move {
        let upload = publisher
            .create_upload(UploadNew { length, digest })
            .await?;
        if !carries_bytes || upload.complete {
            return Ok::<_, aar_registry::Error>(upload);
        }
        publisher
            .append(upload.id, 0, body.into_data_stream())
            .await
    };
    let upload = app.completion().run(work).await?;
    let location = [(header::LOCATION, format!("/1.0/uploads/{}", upload.id))];
    Ok(standing(&upload, (StatusCode::CREATED, location)))
}
