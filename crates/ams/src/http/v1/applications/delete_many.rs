//! `DELETE /1.0/applications`: several applications. The first that cannot be deleted ends it.

use ams_api::ApplicationsDelete;
use axum::response::Response;

use crate::http::{auth::Trusted, body::JsonBody, envelope, error::ApiError};

/// Begins to delete them.
pub(in crate::http) async fn delete_many(
    caller: Trusted,
    JsonBody(ApplicationsDelete { ids, force }): JsonBody<ApplicationsDelete>,
) -> Result<Response, ApiError> {
    if ids.is_empty() {
        let message = "ids: name the applications to delete".to_owned();
        return Err(ApiError::BadRequest(message));
    }
    let operation = caller.ams.applications().delete_many(&ids, force).await?;
    Ok(envelope::accepted(&operation))
}
