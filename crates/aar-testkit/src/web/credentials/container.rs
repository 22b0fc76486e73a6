use super::{HttpResult, RecordedRequest, Role};

/// The token that a container has to send.
pub const CONTAINER_TOKEN: &str = "token-of-the-container";

pub(super) fn respond_to(role: &Role, request: &RecordedRequest, _: &str) -> HttpResult {
    let token = request.headers.get("authorization").map(String::as_str);
    if token == Some(CONTAINER_TOKEN) {
        role.respond_with_document()
    } else {
        role.reject(401)
    }
}
