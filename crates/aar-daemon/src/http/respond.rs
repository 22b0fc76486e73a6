use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// Replaces the body of a response by JSON. Status and headers stay.
pub fn with_json_body(response: Response, body: &impl Serialize) -> Response {
    let (mut parts, _) = response.into_parts();
    let (written, body) = Json(body).into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(written.headers);
    Response::from_parts(parts, body)
}
