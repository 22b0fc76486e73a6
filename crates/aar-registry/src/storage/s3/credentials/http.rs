use std::time::Duration;

use aar_http::RequestBuilder;
use aar_types::root_cause;
use http::{HeaderMap, StatusCode};

use super::NoCredentials;
use crate::storage::s3::refusal::Refusal;

/// The time limit is short: issuers of credentials are near, or do not exist.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends a request and returns a successful response. `issuer` is named in errors.
pub(super) async fn fetch(request: RequestBuilder, issuer: &str) -> Result<String, NoCredentials> {
    let (status, text) = send(request, issuer).await?;
    if status.is_success() {
        return Ok(text);
    }
    // The rest of the response may hold secrets.
    let code = Refusal::parse(status, &HeaderMap::new(), &text).code;
    let reason = format!("the response is {status} {code}");
    Err(NoCredentials::new(issuer, reason.trim_end()))
}

pub(super) async fn send(
    request: RequestBuilder,
    issuer: &str,
) -> Result<(StatusCode, String), NoCredentials> {
    let response = async {
        let response = request.send().await?;
        Ok::<_, aar_http::Error>((response.status(), response.text().await?))
    };
    match tokio::time::timeout(LIMIT, response).await {
        Ok(response) => {
            response.map_err(|error| NoCredentials::new(issuer, root_cause(&error).to_string()))
        }
        Err(_) => Err(NoCredentials::new(issuer, "it does not answer in time")),
    }
}
