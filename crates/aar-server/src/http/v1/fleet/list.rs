use aar_types::{Envelope, Fleet};
use axum::Json;

use crate::http::{
    auth::PublisherCaller,
    error::{ApiError, Refusals},
};

/// Lists the sites, with what each reported last.
#[utoipa::path(
    get,
    path = "/1.0/fleet",
    tag = "fleet",
    operation_id = "list_sites",
    responses((status = 200, body = Envelope<Fleet>), Refusals)
)]
pub(in crate::http) async fn list(
    PublisherCaller(publisher): PublisherCaller,
) -> Result<Json<Envelope<Fleet>>, ApiError> {
    Ok(Json(Envelope::sync(publisher.fleet().await?)))
}
