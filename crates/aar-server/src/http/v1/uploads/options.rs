use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
};

use crate::http::{
    auth::{AppState, PublisherCaller},
    error::Refusals,
    tus,
};

/// Shows the supported version and extensions of the tus protocol, and the size limit of an image.
#[utoipa::path(
    options,
    path = "/1.0/uploads",
    tag = "uploads",
    operation_id = "show_upload_options",
    responses((status = 204, description = "The headers have the values"), Refusals)
)]
pub(in crate::http) async fn options(
    _: PublisherCaller,
    State(state): State<AppState>,
) -> (StatusCode, [(HeaderName, HeaderValue); 3]) {
    let headers = [
        (tus::VERSION, tus::PROTOCOL),
        (tus::EXTENSION, tus::EXTENSIONS),
        (tus::MAX_SIZE, HeaderValue::from(state.max_upload())),
    ];
    (StatusCode::NO_CONTENT, headers)
}
