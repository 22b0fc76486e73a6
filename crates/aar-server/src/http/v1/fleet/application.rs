use aar_types::{ApplicationInFleet, Envelope, ErrorBody};
use axum::Json;

use crate::http::{
    auth::PublisherCaller,
    error::{ApiError, Refusals},
    parameters::ApplicationPath,
};

/// Shows the published versions of an application at all sites.
#[utoipa::path(
    get,
    path = "/1.0/fleet/applications/{name}",
    tag = "fleet",
    operation_id = "show_application_in_fleet",
    params(ApplicationPath),
    responses(
        (status = 200, body = Envelope<ApplicationInFleet>),
        (status = 404, body = ErrorBody, description = "The application does not exist"),
        Refusals,
    )
)]
pub(in crate::http) async fn application(
    PublisherCaller(publisher): PublisherCaller,
    path: ApplicationPath,
) -> Result<Json<Envelope<ApplicationInFleet>>, ApiError> {
    let found = publisher.application_in_fleet(&path.name).await?;
    let found = found.ok_or_else(|| ApiError::no_application(&path.name))?;
    Ok(Json(Envelope::sync(found)))
}
