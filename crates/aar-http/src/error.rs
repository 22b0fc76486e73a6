use std::time::Duration;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection was made: nothing was sent.
    #[error("no connection was made")]
    Connect(#[source] BoxError),
    /// The connection broke after the request was begun.
    #[error("the connection broke")]
    Broken(#[source] BoxError),
    /// The server sent nothing for too long.
    #[error("the server did not answer within {} s", limit.as_secs())]
    Timeout { limit: Duration },
    /// The request cannot be written as HTTP.
    #[error("the request is not valid HTTP")]
    InvalidRequest(#[from] http::Error),
    /// The body cannot be written as JSON, or the response is not the expected JSON.
    #[error("the body is not valid JSON")]
    Json(#[from] serde_json::Error),
    /// The address of a proxy cannot be used.
    #[error("the proxy {address} is not http://HOST:PORT or https://HOST:PORT")]
    Proxy {
        /// The address, without its password.
        address: String,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] aar_tls::Error),
}

impl Error {
    /// Whether nothing was sent, since there was no connection.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Connect(_))
    }

    /// Whether the server was silent for too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }
}

impl From<hyper_util::client::legacy::Error> for Error {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() {
            Self::Connect(error.into())
        } else {
            Self::Broken(error.into())
        }
    }
}

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.into())
    }
}
