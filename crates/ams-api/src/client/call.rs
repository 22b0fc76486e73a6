//! One request and its answer.

use std::{io, time::Duration};

use aar_types::Envelope;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, Limited, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use super::AmsClient;
use crate::{Error, Operation};

/// How long AMS may take for an answer that it has at hand.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The longest answer that is read as a whole.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// A body that is sent.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

/// The frame of an answer whose content is not wanted, or not known beforehand.
#[derive(serde::Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: aar_types::ResponseKind,
    #[serde(default)]
    metadata: Value,
}

/// The body of a refusal.
#[derive(Default, serde::Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    metadata: Value,
}

impl AmsClient {
    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let request = self.request(Method::GET, path, empty())?;
        let context = context(&Method::GET, path);
        let envelope: Envelope<T> = self.read(&context, request).await?;
        Ok(envelope.metadata)
    }

    /// Asks for a list. The vendor's AMS writes `null` for one with nothing in it.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        let list: Option<Vec<T>> = self.get(path).await?;
        Ok(list.unwrap_or_default())
    }

    /// Asks for a change. AMS has done it, or has begun an operation.
    pub(super) async fn change<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Option<Operation>, Error> {
        let context = context(&method, path);
        let json = serde_json::to_vec(body).map_err(|source| malformed(&context, Some(source)))?;
        let body = Full::new(Bytes::from(json)).map_err(|never| match never {});
        let mut request = self.request(method, path, body.boxed_unsync())?;
        let json = header::HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        let frame: Frame = self.read(&context, request).await?;
        operation_in(&context, frame)
    }

    /// Sends a long body and takes the operation that AMS begins with it. There is no time limit:
    /// how long it takes is up to the line and to AMS, which has to write it down.
    pub(super) async fn submit(
        &self,
        context: &str,
        request: Request<Outgoing>,
    ) -> Result<Operation, Error> {
        let answer = self.send(request).await?;
        let frame: Frame = self.decode(context, answer).await?;
        operation_in(context, frame)?.ok_or_else(|| malformed(context, None))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        context: &str,
        request: Request<Outgoing>,
    ) -> Result<T, Error> {
        let exchange = async {
            let answer = self.send(request).await?;
            self.decode(context, answer).await
        };
        let answered = timeout(TIME_LIMIT, Box::pin(exchange)).await;
        answered.map_err(|_| self.silent(TIME_LIMIT))?
    }

    /// A request with the headers that all requests have.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Outgoing,
    ) -> Result<Request<Outgoing>, Error> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "ams")
            .header(header::USER_AGENT, &*self.user_agent)
            .body(body)
            .map_err(|error| Error::File(io::Error::new(io::ErrorKind::InvalidInput, error)))
    }

    /// Sends a request and takes the head of the answer. Refusals become errors.
    pub(super) async fn send(
        &self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Error> {
        let connection = TokioIo::new(self.connector.connect().await?);
        let (mut sender, driver) = http1::handshake(connection)
            .await
            .map_err(|error| self.broken(error))?;
        // The driver ends with the connection, and what goes wrong there is told by the sender.
        tokio::spawn(async { drop(driver.await) });
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(error))?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.refusal(answer).await)
        }
    }

    async fn decode<T: DeserializeOwned>(
        &self,
        context: &str,
        answer: Response<Incoming>,
    ) -> Result<T, Error> {
        let body = self.collect(answer).await?;
        serde_json::from_slice(&body).map_err(|source| malformed(context, Some(source)))
    }

    pub(super) async fn collect(&self, answer: Response<Incoming>) -> Result<Bytes, Error> {
        let body = Limited::new(answer.into_body(), ANSWER_LIMIT);
        let collected = body.collect().await.map_err(|error| self.broken(error))?;
        Ok(collected.to_bytes())
    }

    async fn refusal(&self, answer: Response<Incoming>) -> Error {
        let status = answer.status();
        match self.collect(answer).await {
            Ok(body) => refused(status, &body),
            Err(error) => error,
        }
    }

    pub(super) fn silent(&self, limit: Duration) -> Error {
        Error::Silent {
            endpoint: self.endpoint().to_owned(),
            limit,
        }
    }

    pub(super) fn broken(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Broken {
            endpoint: self.endpoint().to_owned(),
            source: source.into(),
        }
    }
}

pub(super) fn refused(status: StatusCode, body: &[u8]) -> Error {
    let told: Refusal = serde_json::from_slice(body).unwrap_or_default();
    Error::Refused {
        status: status.as_u16(),
        code: told.metadata["code"].as_str().map(str::to_owned),
        // What AMS says in words, or else the status.
        message: match told.error {
            message if message.is_empty() => format!("AMS answers {status}"),
            message => message,
        },
    }
}

fn operation_in(context: &str, frame: Frame) -> Result<Option<Operation>, Error> {
    if frame.kind != aar_types::ResponseKind::Async {
        return Ok(None);
    }
    serde_json::from_value(frame.metadata)
        .map(Some)
        .map_err(|source| malformed(context, Some(source)))
}

pub(super) fn empty() -> Outgoing {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
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

/// A segment of a path, with everything encoded that has a meaning of its own there.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_climb_out_of_their_segment() {
        assert_eq!(segment("a/b c?d"), "a%2Fb%20c%3Fd");
        assert_eq!(segment("my-app_1.0"), "my-app_1.0");
    }

    #[test]
    fn a_refusal_without_words_tells_the_status() {
        let told = |status, body: &str| refused(status, body.as_bytes()).to_string();
        let vendor = r#"{"type":"error","error_code":404,"error":"no such application"}"#;
        assert_eq!(told(StatusCode::NOT_FOUND, vendor), "no such application");
        let bare = told(StatusCode::BAD_GATEWAY, "<html>");
        assert_eq!(bare, "AMS answers 502 Bad Gateway");
    }

    #[test]
    fn a_refusal_has_the_code_that_ams_sends() {
        let body = br#"{"error": "no", "metadata": {"code": "immutable"}}"#;
        let refused = refused(StatusCode::FORBIDDEN, body);
        let Error::Refused { code, .. } = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(code.as_deref(), Some("immutable"));
    }
}
