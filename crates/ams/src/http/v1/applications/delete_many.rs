//! `DELETE /1.0/applications`: deletes several applications, until one cannot be deleted.

use ams_api::ApplicationsDelete;
use axum::response::Response;

use crate::http::{auth::TrustedCaller, body::JsonBody, envelope, error::ApiError};

pub(in crate::http) async fn delete_many(
    caller: TrustedCaller,
    JsonBody(ApplicationsDelete { ids, force }): JsonBody<ApplicationsDelete>,
) -> Result<Response, ApiError> {
    if ids.is_empty() {
        let message = "ids: name the applications to delete".to_owned();
        return Err(ApiError::BadRequest(message));
    }
    let operation = caller.ams.applications().delete_many(&ids, force).await?;
    Ok(envelope::accepted(&operation))
}
