//! `DELETE /1.0/registry/applications/<id>`: deletes an application from the registry, for the
//! architecture of this AMS.

use aar_types::ApplicationName;
use axum::response::Response;

use crate::http::{auth::TrustedCaller, body::Path, envelope, error::ApiError};

pub(in crate::http) async fn delete(
    caller: TrustedCaller,
    Path(name): Path<ApplicationName>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.registry().delete(&name).await?;
    Ok(envelope::accepted(&operation))
}
