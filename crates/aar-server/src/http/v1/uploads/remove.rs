use aar_types::ErrorBody;
use axum::{extract::State, http::StatusCode};

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::UploadPath,
    tus::Resumable,
};

/// Gives an upload up.
#[utoipa::path(
    delete,
    path = "/1.0/uploads/{id}",
    tag = "uploads",
    operation_id = "remove_upload",
    params(
        UploadPath,
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 204, description = "What was staged is gone"),
        (status = 404, body = ErrorBody, description = "There is no such upload, or no longer"),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        Refusals,
    )
)]
pub(in crate::http) async fn remove(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    _: Resumable,
    UploadPath { id }: UploadPath,
) -> Result<StatusCode, ApiError> {
    let terminate = async move { publisher.terminate(id).await };
    if app.completion().run(terminate).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::no_upload(id))
    }
}
