use aar_types::{Envelope, ErrorBody, ErrorCode, Site};
use axum::Json;

use crate::http::{
    auth::PublisherCaller,
    error::{ApiError, Refusals},
    parameters::SitePath,
};

/// Shows a site.
#[utoipa::path(
    get,
    path = "/1.0/fleet/{site}",
    tag = "fleet",
    operation_id = "show_site",
    params(SitePath),
    responses(
        (status = 200, body = Envelope<Site>),
        (status = 404, body = ErrorBody, description = "The site does not exist, or several have this name"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    PublisherCaller(publisher): PublisherCaller,
    SitePath { site: name }: SitePath,
) -> Result<Json<Envelope<Site>>, ApiError> {
    let fleet = publisher.fleet().await?;
    let site = fleet.site(&name);
    let site = site.map_err(|error| ApiError::new(ErrorCode::SiteNotFound, error.to_string()))?;
    Ok(Json(Envelope::sync(site)))
}
