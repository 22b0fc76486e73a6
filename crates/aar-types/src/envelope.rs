use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ResponseKind {
    /// Done; `metadata` is the result.
    Sync,
    /// Begun; `metadata` is the operation.
    Async,
    /// Refused or failed.
    Error,
}

/// The frame around every answer that is not an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope<T> {
    /// The kind of the answer.
    #[serde(rename = "type")]
    pub kind: ResponseKind,
    /// The status in words.
    pub status: String,
    /// The status as a number.
    pub status_code: u16,
    /// The address of the operation that was begun, else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// How many entries a collection has in all, where `metadata` is a page of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_size: Option<u64>,
    /// The content.
    pub metadata: T,
}

impl<T> Envelope<T> {
    /// A result.
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

    /// A page of a collection that has `total_size` entries in all.
    pub fn page(metadata: T, total_size: u64) -> Self {
        Self {
            total_size: Some(total_size),
            ..Self::sync(metadata)
        }
    }

    /// An operation that was begun.
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

/// The frame around every refusal and failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// Always `error`.
    #[serde(rename = "type")]
    pub kind: ResponseKind,
    /// The HTTP status.
    pub error_code: u16,
    /// What went wrong, for people.
    pub error: String,
    /// What went wrong, for programs: stable over releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// Under which id the server has logged it; with failures of the server, whose cause is told
    /// to its operator only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// A refusal with a message for people.
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
