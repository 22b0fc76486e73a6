//! The envelope of every response that is not a file: result, page, operation or error.
//!
//! Existing clients read all keys without checking for them, so all are always present.

use aar_types::ResponseKind;
use ams_api::Operation;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Envelope<'a, T> {
    #[serde(rename = "type")]
    kind: ResponseKind,
    status: &'a str,
    status_code: u16,
    operation: &'a str,
    error_code: u16,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_size: Option<u64>,
    metadata: T,
}

impl<'a, T> Envelope<'a, T> {
    /// The work continues in the background; `metadata` is the operation at the address `operation`.
    pub(super) fn accepted(operation: &'a str, metadata: T) -> Self {
        Self {
            kind: ResponseKind::Async,
            status: "Operation created",
            status_code: 100,
            operation,
            ..Self::success(metadata)
        }
    }

    pub(super) fn error(status: StatusCode, error: &'a str, metadata: T) -> Self {
        Self {
            kind: ResponseKind::Error,
            status: "",
            status_code: 0,
            error_code: status.as_u16(),
            error,
            ..Self::success(metadata)
        }
    }

    pub(super) fn success(metadata: T) -> Self {
        Self {
            kind: ResponseKind::Sync,
            status: "Success",
            status_code: 200,
            operation: "",
            error_code: 0,
            error: "",
            total_size: None,
            metadata,
        }
    }
}

#[derive(Debug)]
pub(super) struct Success<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        Json(Envelope::success(self.0)).into_response()
    }
}

/// A part of a collection.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The entries, or their addresses.
    pub(super) entries: Vec<T>,
    /// The number of matching entries on all pages.
    pub(super) total: u64,
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let total_size = Some(self.total);
        let envelope = Envelope::success(self.entries);
        Json(Envelope {
            total_size,
            ..envelope
        })
        .into_response()
    }
}

/// The response to a call whose work continues in the background.
pub(super) fn accepted(operation: &Operation) -> Response {
    let address = Operation::url(operation.id);
    let mut response = Json(Envelope::accepted(&address, operation)).into_response();
    *response.status_mut() = StatusCode::ACCEPTED;
    if let Ok(location) = HeaderValue::try_from(address) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn envelope_has_the_keys_that_clients_read() {
        let success = to_value(Envelope::success(json!({}))).unwrap();
        assert_eq!(
            success,
            json!({"type": "sync", "status": "Success", "status_code": 200, "operation": "",
                   "error_code": 0, "error": "", "metadata": {}})
        );
        let accepted = to_value(Envelope::accepted("/1.0/operations/x", 1)).unwrap();
        assert_eq!(
            accepted,
            json!({"type": "async", "status": "Operation created", "status_code": 100,
                   "operation": "/1.0/operations/x", "error_code": 0, "error": "", "metadata": 1})
        );
        let error = to_value(Envelope::error(StatusCode::NOT_FOUND, "gone", json!({}))).unwrap();
        assert_eq!(
            error,
            json!({"type": "error", "status": "", "status_code": 0, "operation": "",
                   "error_code": 404, "error": "gone", "metadata": {}})
        );
    }
}
