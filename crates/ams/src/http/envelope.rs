//! The frame around every answer that is not a file: result, page, operation or error.
//!
//! All of its keys are always there, as clients in the field read them without asking.

use aar_types::ResponseKind;
use ams_api::Operation;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// The frame, as it travels.
#[derive(Debug, Serialize)]
pub(super) struct Frame<'a, T> {
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

impl<'a, T> Frame<'a, T> {
    /// Begun: `metadata` is the operation that is found at `operation`.
    pub(super) fn accepted(operation: &'a str, metadata: T) -> Self {
        Self {
            kind: ResponseKind::Async,
            status: "Operation created",
            status_code: 100,
            operation,
            ..Self::done(metadata)
        }
    }

    /// Refused or failed.
    pub(super) fn failed(status: StatusCode, error: &'a str, metadata: T) -> Self {
        Self {
            kind: ResponseKind::Error,
            status: "",
            status_code: 0,
            error_code: status.as_u16(),
            error,
            ..Self::done(metadata)
        }
    }

    /// Done: `metadata` is what was asked for.
    pub(super) fn done(metadata: T) -> Self {
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

/// An answer that is complete.
#[derive(Debug)]
pub(super) struct Done<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Done<T> {
    fn into_response(self) -> Response {
        Json(Frame::done(self.0)).into_response()
    }
}

/// A part of a collection, and how much there is in all.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The entries, or their addresses.
    pub(super) entries: Vec<T>,
    /// How many entries match, on this page or not.
    pub(super) total: u64,
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let total_size = Some(self.total);
        let frame = Frame::done(self.entries);
        Json(Frame {
            total_size,
            ..frame
        })
        .into_response()
    }
}

/// The answer to a call whose work goes on in the background.
pub(super) fn accepted(operation: &Operation) -> Response {
    let address = Operation::url(operation.id);
    let mut response = Json(Frame::accepted(&address, operation)).into_response();
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
    fn every_frame_has_the_keys_that_clients_read() {
        let done = to_value(Frame::done(json!({}))).unwrap();
        assert_eq!(
            done,
            json!({"type": "sync", "status": "Success", "status_code": 200, "operation": "",
                   "error_code": 0, "error": "", "metadata": {}})
        );
        let accepted = to_value(Frame::accepted("/1.0/operations/x", 1)).unwrap();
        assert_eq!(
            accepted,
            json!({"type": "async", "status": "Operation created", "status_code": 100,
                   "operation": "/1.0/operations/x", "error_code": 0, "error": "", "metadata": 1})
        );
        let failed = to_value(Frame::failed(StatusCode::NOT_FOUND, "gone", json!({}))).unwrap();
        assert_eq!(
            failed,
            json!({"type": "error", "status": "", "status_code": 0, "operation": "",
                   "error_code": 404, "error": "gone", "metadata": {}})
        );
    }
}
