use std::error::Error;

use super::super::{credentials::NoCredentials, refusal::Refusal};

type BoxError = Box<dyn Error + Send + Sync>;

/// The reason why a request to a bucket failed.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum S3Error {
    #[error("there is nothing to sign the request with")]
    Credentials(#[from] NoCredentials),
    #[error("the request cannot be signed")]
    Signing(#[source] BoxError),
    #[error("there is no response")]
    Transport(#[from] aar_http::Error),
    #[error("there is no response in time")]
    Timeout,
    #[error("the response is {} {}", .0.status, .0.code)]
    Refused(Refusal),
    #[error("the response is not valid XML")]
    Malformed(#[from] quick_xml::DeError),
    #[error("the object was replaced while it was read")]
    Replaced,
    #[error("the response does not have the requested range")]
    WrongRange,
    #[error("the response is shorter than the object")]
    Cut,
}

impl S3Error {
    /// Whether the same request may succeed later.
    pub(in super::super) fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout | Self::Cut => true,
            Self::Transport(error) => is_transient(error),
            Self::Refused(refusal) => refusal.is_retryable(),
            Self::Credentials(_)
            | Self::Signing(_)
            | Self::Malformed(_)
            | Self::Replaced
            | Self::WrongRange => false,
        }
    }

    pub(super) fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Transport(error) => error.is_timeout(),
            _ => false,
        }
    }

    pub(in super::super) fn is_missing_object(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_missing_object())
    }

    pub(in super::super) fn is_missing_upload(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_missing_upload())
    }

    /// Turns the error for a missing object into `None`.
    pub(in super::super) fn or_missing<T>(result: Result<T, Self>) -> Result<Option<T>, Self> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_missing_object() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_transient(error: &aar_http::Error) -> bool {
    use aar_http::Error;

    match error {
        Error::Connect(_) | Error::Broken(_) | Error::Timeout { .. } => true,
        Error::InvalidRequest(_) | Error::Json(_) | Error::Proxy { .. } | Error::Tls(_) => false,
    }
}
