//! Reading answers: the frame, the refusals, the headers.

use std::time::Duration;

use aar_types::{Envelope, ErrorBody, ErrorCode, RegistryId, ResponseKind, Revision, headers};
use reqwest::{
    Response,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use crate::{Error, RegistryClient, error::advice};

/// The longest answer that is read into memory. A page of the catalogue is far below.
const MAX_BODY: usize = 64 << 20;
/// The longest body of a refusal that is looked at.
const MAX_REFUSAL: usize = 64 << 10;
/// The longest wait that a registry may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(2);

impl RegistryClient {
    /// The answer, unless it is a refusal.
    pub(crate) async fn accepted(&self, response: Response) -> Result<Response, Error> {
        if response.status().is_success() || response.status().is_redirection() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = self.body(response, MAX_REFUSAL).await.unwrap_or_default();
        let told = serde_json::from_slice::<ErrorBody>(&body).ok();
        let code = told.as_ref().and_then(|told| told.code);
        let message = told.map_or_else(
            || {
                status
                    .canonical_reason()
                    .unwrap_or("no reason given")
                    .to_owned()
            },
            |told| told.error,
        );
        Error::Refused {
            status: status.as_u16(),
            code,
            message,
            advice: self.advice(code),
            retry_after,
        }
    }

    fn advice(&self, code: Option<ErrorCode>) -> String {
        let about_time = matches!(
            code,
            Some(ErrorCode::CertificateExpired | ErrorCode::CertificateNotYetValid)
        );
        let note = if about_time {
            self.skew().note()
        } else {
            String::new()
        };
        advice(code).to_owned() + &note
    }

    /// The content of a framed answer.
    pub(crate) async fn envelope<T: DeserializeOwned>(
        &self,
        request: &str,
        response: Response,
    ) -> Result<Envelope<T>, Error> {
        let body = self.body(response, MAX_BODY).await?;
        let envelope: Envelope<T> = serde_json::from_slice(&body)
            .map_err(|reason| Error::malformed(request, reason.to_string()))?;
        if envelope.kind == ResponseKind::Sync {
            Ok(envelope)
        } else {
            Err(Error::malformed(request, "it is not a result"))
        }
    }

    /// A body as a whole, where it is not longer than it may be.
    async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if body.len() + chunk.len() > most {
                let reason = format!("it is longer than {most} bytes");
                return Err(Error::malformed(response.url().path(), reason));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next piece of a body, unless the peer has fallen silent.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, Error> {
        let limit = self.timeouts().stall;
        let chunk = tokio::time::timeout(limit, response.chunk()).await;
        chunk
            .map_err(|_| Error::Silent { limit })?
            .map_err(|error| self.broken(error))
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Who answers, and at which revision.
pub(crate) fn provenance(request: &str, map: &HeaderMap) -> Result<(RegistryId, Revision), Error> {
    let id = header(request, map, headers::REGISTRY_ID)?;
    let revision = header(request, map, headers::REVISION)?;
    Ok((id, revision))
}

/// A header that has to be there.
pub(crate) fn header<T: std::str::FromStr>(
    request: &str,
    map: &HeaderMap,
    name: &str,
) -> Result<T, Error> {
    let value = map.get(name).and_then(|value| value.to_str().ok());
    let parsed = value.and_then(|text| text.trim().parse().ok());
    parsed.ok_or_else(|| Error::malformed(request, format!("the header {name} is missing or bad")))
}
