use aar_types::{Envelope, ServerStatus};
use axum::{Json, http::StatusCode};

use crate::http::auth::AnyCaller;

/// Shows whether the registry can use its database and storage.
#[utoipa::path(
    get,
    path = "/1.0/status",
    tag = "server",
    operation_id = "show_status",
    responses(
        (status = 200, body = Envelope<ServerStatus>, description = "The registry is healthy"),
        (status = 503, body = Envelope<ServerStatus>, description = "The registry is not healthy"),
    )
)]
pub(in crate::http) async fn status(
    caller: AnyCaller,
) -> (StatusCode, Json<Envelope<ServerStatus>>) {
    let health = caller.health().await;
    let status = if health.healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut envelope = Envelope::sync(health);
    if !envelope.metadata.healthy {
        "Failure".clone_into(&mut envelope.status);
        envelope.status_code = status.as_u16();
    }
    (status, Json(envelope))
}
