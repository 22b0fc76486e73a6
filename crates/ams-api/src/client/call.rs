//! Requests and responses.

use std::{error, io, time::Duration};

use aar_http::{Body, Method, Response, StatusCode, header};
use aar_tls::PinMismatch;
use aar_types::{Envelope, root_cause};
use bytes::{Bytes, BytesMut};
use http::Request;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use super::AmsClient;
use crate::{Error, Operation};

/// The time limit of a request without a long body.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The longest response that is read into memory, in bytes.
const RESPONSE_LIMIT: usize = 64 * 1024 * 1024;

/// The response to a change. The metadata depends on the kind.
#[derive(serde::Deserialize)]
struct ChangeResponse {
    #[serde(rename = "type")]
    kind: aar_types::ResponseKind,
    #[serde(default)]
    metadata: Value,
}

#[derive(Default, serde::Deserialize)]
struct ErrorResponse {
    #[serde(default)]
    error: String,
    #[serde(default)]
    metadata: Value,
}

impl AmsClient {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let request = self.request(Method::GET, path, Body::default())?;
        let context = context(&Method::GET, path);
        let envelope: Envelope<T> = self.read(&context, request).await?;
        Ok(envelope.metadata)
    }

    /// The vendor's AMS sends `null` for an empty list.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        let list: Option<Vec<T>> = self.get(path).await?;
        Ok(list.unwrap_or_default())
    }

    /// Sends a change. AMS makes it at once, or starts an operation.
    pub(super) async fn change<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Option<Operation>, Error> {
        let context = context(&method, path);
        let json = serde_json::to_vec(body).map_err(|source| malformed(&context, Some(source)))?;
        let mut request = self.request(method, path, json.into())?;
        let json = header::HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        let response: ChangeResponse = self.read(&context, request).await?;
        operation_in(&context, response)
    }

    /// Sends a long body and returns the operation that AMS starts for it. There is no time limit: the
    /// duration depends on the size, the network and the disk of AMS.
    pub(super) async fn submit(
        &self,
        context: &str,
        request: Request<Body>,
    ) -> Result<Operation, Error> {
        let response = self.send(request).await?;
        let response: ChangeResponse = self.decode(context, response).await?;
        operation_in(context, response)?.ok_or_else(|| malformed(context, None))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        context: &str,
        request: Request<Body>,
    ) -> Result<T, Error> {
        let exchange = async {
            let response = self.send(request).await?;
            self.decode(context, response).await
        };
        let decoded = timeout(TIME_LIMIT, Box::pin(exchange)).await;
        decoded.map_err(|_| self.no_response(TIME_LIMIT))?
    }

    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Request<Body>, Error> {
        let invalid = |error| Error::File(io::Error::new(io::ErrorKind::InvalidInput, error));
        let url = self.base.join(path).map_err(io::Error::other)?;
        let request = Request::builder().method(method).uri(url.as_str());
        request.body(body).map_err(invalid)
    }

    /// Sends a request and waits for the response headers. An error status becomes an error.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response, Error> {
        let response = self.http.execute(request).await;
        let response = response.map_err(|error| self.failed(&error))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.error_response(response).await)
        }
    }

    async fn decode<T: DeserializeOwned>(
        &self,
        context: &str,
        response: Response,
    ) -> Result<T, Error> {
        let body = self.collect(response).await?;
        serde_json::from_slice(&body).map_err(|source| malformed(context, Some(source)))
    }

    async fn collect(&self, mut response: Response) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if body.len() + chunk.len() > RESPONSE_LIMIT {
                return Err(self.connection_lost("the response is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    pub(super) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Error> {
        let chunk = response.chunk().await;
        chunk.map_err(|error| self.failed(&error))
    }

    async fn error_response(&self, response: Response) -> Error {
        let status = response.status();
        match self.collect(response).await {
            Ok(body) => refused(status, &body),
            Err(error) => error,
        }
    }

    pub(super) fn no_response(&self, limit: Duration) -> Error {
        Error::NoResponse {
            endpoint: self.endpoint().to_owned(),
            limit,
        }
    }

    pub(super) fn connection_lost(
        &self,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Error {
        Error::ConnectionLost {
            endpoint: self.endpoint().to_owned(),
            source: source.into(),
        }
    }

    /// Explains why the response is missing or incomplete.
    pub(super) fn failed(&self, error: &aar_http::Error) -> Error {
        let endpoint = self.endpoint().to_owned();
        if let Some(mismatch) = PinMismatch::find(error) {
            let source = mismatch.clone();
            return Error::WrongCertificate { endpoint, source };
        }
        let cause = root_cause(error);
        if error.is_connect() {
            let kind = cause.downcast_ref().map(io::Error::kind);
            let kind = kind.unwrap_or(io::ErrorKind::Other);
            let source = io::Error::new(kind, cause.to_string());
            return Error::Unreachable { endpoint, source };
        }
        self.connection_lost(cause.to_string())
    }
}

pub(super) fn refused(status: StatusCode, body: &[u8]) -> Error {
    let response: ErrorResponse = serde_json::from_slice(body).unwrap_or_default();
    Error::Refused {
        status: status.as_u16(),
        code: response.metadata["code"].as_str().map(str::to_owned),
        message: match response.error {
            message if message.is_empty() => format!("AMS responded with {status}"),
            message => message,
        },
    }
}

fn operation_in(context: &str, response: ChangeResponse) -> Result<Option<Operation>, Error> {
    if response.kind != aar_types::ResponseKind::Async {
        return Ok(None);
    }
    serde_json::from_value(response.metadata)
        .map(Some)
        .map_err(|source| malformed(context, Some(source)))
}

pub(super) fn context(method: &Method, path: &str) -> String {
    format!("{method} {path}")
}

fn malformed(context: &str, source: Option<serde_json::Error>) -> Error {
    Error::Malformed {
        context: context.to_owned(),
        source,
    }
}

/// Percent-encodes a segment of a path.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segment_with_a_slash_is_encoded() {
        assert_eq!(segment("a/b c?d"), "a%2Fb%20c%3Fd");
        assert_eq!(segment("my-app_1.0"), "my-app_1.0");
    }

    #[test]
    fn error_response_without_a_message_shows_the_status() {
        let message = |status, body: &str| refused(status, body.as_bytes()).to_string();
        let vendor = r#"{"type":"error","error_code":404,"error":"no such application"}"#;
        assert_eq!(
            message(StatusCode::NOT_FOUND, vendor),
            "no such application"
        );
        let bare = message(StatusCode::BAD_GATEWAY, "<html>");
        assert_eq!(bare, "AMS responded with 502 Bad Gateway");
    }

    #[test]
    fn error_response_keeps_the_code_of_ams() {
        let body = br#"{"error": "no", "metadata": {"code": "immutable"}}"#;
        let refused = refused(StatusCode::FORBIDDEN, body);
        let Error::Refused { code, .. } = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(code.as_deref(), Some("immutable"));
    }
}
