use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// The kind of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ResponseKind {
    /// The request is complete; `metadata` is the result.
    Sync,
    /// The request started an operation; `metadata` describes it.
    Async,
    /// The request was refused or failed.
    Error,
}

/// The envelope of every successful response except images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope<T> {
    /// The kind of the response.
    #[serde(rename = "type")]
    pub kind: ResponseKind,
    /// The status in words.
    pub status: String,
    /// The status as a number.
    pub status_code: u16,
    /// The URL of the operation that was started; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// The number of entries in the whole collection, where `metadata` is a page of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_size: Option<u64>,
    /// The result, or the operation that was started.
    pub metadata: T,
}

impl<T> Envelope<T> {
    /// A response with a result.
    pub fn sync(metadata: T) -> Self {
        Self {
            kind: ResponseKind::Sync,
            status: "Success".to_owned(),
            status_code: 200,
            operation: String::new(),
            total_size: None,
            metadata,
        }
    }

    /// A response with a page of a collection that has `total_size` entries.
    pub fn page(metadata: T, total_size: u64) -> Self {
        Self {
            total_size: Some(total_size),
            ..Self::sync(metadata)
        }
    }

    /// A response with an operation that was started.
    pub fn operation(url: String, metadata: T) -> Self {
        Self {
            kind: ResponseKind::Async,
            status: "Operation created".to_owned(),
            status_code: 100,
            operation: url,
            ..Self::sync(metadata)
        }
    }
}

/// The body of every error response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// Always `error`.
    #[serde(rename = "type")]
    pub kind: ResponseKind,
    /// The HTTP status.
    pub error_code: u16,
    /// The message for people.
    pub error: String,
    /// The code for programs, stable across releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// The id of the request in the log of the server. Sent with internal errors, whose cause only
    /// the log contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// An error body with the status that belongs to the code.
    pub fn new(code: ErrorCode, error: impl Into<String>) -> Self {
        Self {
            kind: ResponseKind::Error,
            error_code: code.status(),
            error: error.into(),
            code: Some(code),
            request_id: None,
        }
    }
}
