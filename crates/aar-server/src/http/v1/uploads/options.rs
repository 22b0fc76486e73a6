use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
};

use crate::http::{
    errors::Refusals,
    identity::{App, AsPublisher},
    tus,
};

/// What is spoken of the tus protocol, and how large an image may be.
#[utoipa::path(
    options,
    path = "/1.0/uploads",
    tag = "uploads",
    operation_id = "show_upload_options",
    responses((status = 204, description = "The headers tell"), Refusals)
)]
pub(in crate::http) async fn options(
    _: AsPublisher,
    State(app): State<App>,
) -> (StatusCode, [(HeaderName, HeaderValue); 3]) {
    let headers = [
        (tus::VERSION, tus::PROTOCOL),
        (tus::EXTENSION, tus::EXTENSIONS),
        (tus::MAX_SIZE, HeaderValue::from(app.max_upload())),
    ];
    (StatusCode::NO_CONTENT, headers)
}
