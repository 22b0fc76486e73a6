use aar_types::ErrorBody;
use axum::{extract::State, http::StatusCode};

use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, Refusals},
    parameters::UploadPath,
    tus::Resumable,
};

/// Cancels an upload.
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
        (status = 204, description = "The received bytes are deleted"),
        (status = 404, body = ErrorBody, description = "The upload does not exist or has ended"),
        (status = 412, body = ErrorBody, description = "The client uses another version of the protocol"),
        Refusals,
    )
)]
pub(in crate::http) async fn remove(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    _: Resumable,
    UploadPath { id }: UploadPath,
) -> Result<StatusCode, ApiError> {
    let terminate = async move { publisher.terminate(id).await };
    if state.detached().run(terminate).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::no_upload(id))
    }
}
