//! Asking whoever has credentials.

use http::StatusCode;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};

use super::NoCredential;
use crate::storage::s3::problem::{element, reason_of};

/// Asks an endpoint for something, and gives what it answers.
pub(super) async fn ask(
    client: &HttpClient,
    request: http::request::Builder,
    body: String,
    place: &str,
) -> Result<String, NoCredential> {
    let (status, text) = send(client, request, body, place).await?;
    if status.is_success() {
        return Ok(text);
    }
    // Of what it says no more is kept than its name for it.
    let code = element(&text, "Code").unwrap_or_default();
    Err(NoCredential {
        place: place.to_owned(),
        reason: format!("it answers {status} {code}").trim_end().to_owned(),
    })
}

/// The same, whether or not it is refused.
pub(super) async fn send(
    client: &HttpClient,
    request: http::request::Builder,
    body: String,
    place: &str,
) -> Result<(StatusCode, String), NoCredential> {
    let failed = |reason: String| NoCredential {
        place: place.to_owned(),
        reason,
    };
    let body = HttpRequestBody::from(body);
    let request: HttpRequest = request
        .body(body)
        .map_err(|error| failed(error.to_string()))?;
    let answer = client.execute(request).await;
    let answer = answer.map_err(|error| failed(reason_of(&error)))?;
    let status = answer.status();
    let bytes = answer.into_body().bytes().await;
    let bytes = bytes.map_err(|error| failed(reason_of(&error)))?;
    let text = String::from_utf8(bytes.into());
    Ok((
        status,
        text.map_err(|_| failed("it answers no text".to_owned()))?,
    ))
}
