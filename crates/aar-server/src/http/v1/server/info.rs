use aar_types::{Envelope, FLEET_EXTENSION, ServerInfo};
use axum::Json;

use crate::http::auth::AnyCaller;

/// Shows the registry, its API extensions, and whether it trusts the caller.
#[utoipa::path(
    get,
    path = "/1.0",
    tag = "server",
    operation_id = "show_server",
    responses((status = 200, body = Envelope<ServerInfo>))
)]
pub(in crate::http) async fn info(caller: AnyCaller) -> Json<Envelope<ServerInfo>> {
    let role = caller.role();
    Json(Envelope::sync(ServerInfo {
        api_version: "1.0".to_owned(),
        api_extensions: vec![FLEET_EXTENSION.to_owned()],
        auth: caller.auth(),
        role,
        registry_id: caller.registry_id().clone(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}
