use std::sync::LazyLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

static DOCUMENT: LazyLock<String> = LazyLock::new(crate::openapi_json);

/// Shows this document.
#[utoipa::path(
    get,
    path = "/1.0/openapi.json",
    tag = "server",
    operation_id = "show_openapi",
    responses((status = 200, body = serde_json::Value, description = "An OpenAPI document"))
)]
pub(in crate::http) async fn openapi() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, DOCUMENT.as_str()).into_response()
}
