use aar_types::Envelope;
use axum::Json;

/// Lists the versions of the API.
#[utoipa::path(
    get,
    path = "/",
    tag = "server",
    operation_id = "list_api_versions",
    responses((status = 200, body = Envelope<Vec<String>>))
)]
pub(in crate::http) async fn versions() -> Json<Envelope<[&'static str; 1]>> {
    Json(Envelope::sync(["/1.0"]))
}
