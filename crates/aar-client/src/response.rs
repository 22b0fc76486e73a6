use std::{ops::AddAssign, str::FromStr, time::Duration};

use aar_http::{
    HeaderMap, Response,
    header::{AsHeaderName, RETRY_AFTER},
};
use aar_types::{Envelope, ErrorBody, ErrorCode, RegistryId, ResponseKind, Revision, headers};
use serde::de::DeserializeOwned;

use crate::{
    Error, RegistryClient,
    error::advice,
    json_limits,
    limits::{RESPONSE_BYTES, RETRY_AFTER as MAX_RETRY_AFTER},
};

/// The body size of a refusal; a larger one is ignored.
const MAX_REFUSAL: usize = 64 << 10;

impl RegistryClient {
    /// Returns the response, unless it is a refusal.
    pub(crate) async fn accepted(&self, response: Response) -> Result<Response, Error> {
        if response.status().is_success() || response.status().is_redirection() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = self.body("a refusal", response, MAX_REFUSAL).await;
        let body = serde_json::from_slice::<ErrorBody>(&body.unwrap_or_default()).ok();
        let code = body.as_ref().and_then(|body| body.code);
        let reason = status.canonical_reason().unwrap_or("no reason given");
        Error::Refused {
            status: status.as_u16(),
            code,
            message: body.map_or_else(|| reason.to_owned(), |body| body.error),
            advice: self.advice(code),
            retry_after,
        }
    }

    fn advice(&self, code: Option<ErrorCode>) -> String {
        use ErrorCode::{CertificateExpired, CertificateNotYetValid};
        let mut advice = advice(code).to_owned();
        if matches!(code, Some(CertificateExpired | CertificateNotYetValid)) {
            advice += &self.skew().note();
        }
        advice
    }

    pub(crate) async fn envelope<T: DeserializeOwned>(
        &self,
        request: &str,
        response: Response,
    ) -> Result<Envelope<T>, Error> {
        let (envelope, _) = self.sized_envelope(request, response).await?;
        Ok(envelope)
    }

    /// The content of a response, and its size.
    pub(crate) async fn sized_envelope<T: DeserializeOwned>(
        &self,
        request: &str,
        response: Response,
    ) -> Result<(Envelope<T>, BodySize), Error> {
        let body = self.body(request, response, RESPONSE_BYTES).await?;
        parse_envelope(request, &body)
    }

    async fn body(
        &self,
        request: &str,
        mut response: Response,
        max_size: usize,
    ) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if body.len() + chunk.len() > max_size {
                let reason = format!("it is longer than {max_size} bytes");
                return Err(Error::malformed(request, reason));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next chunk of a body, or an error if the peer stalls.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, Error> {
        let limit = self.timeouts().stall;
        let chunk = tokio::time::timeout(limit, response.chunk()).await;
        chunk
            .map_err(|_| Error::Timeout { limit })?
            .map_err(|error| self.connection_error(error))
    }
}

/// The size of a body, or of several bodies together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BodySize {
    pub(crate) bytes: usize,
    pub(crate) values: usize,
}

impl AddAssign for BodySize {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.values += other.values;
    }
}

pub(crate) fn parse_envelope<T: DeserializeOwned>(
    request: &str,
    body: &[u8],
) -> Result<(Envelope<T>, BodySize), Error> {
    let values = json_limits::check(body).map_err(|reason| Error::malformed(request, reason))?;
    let envelope: Envelope<T> = serde_json::from_slice(body)
        .map_err(|reason| Error::malformed(request, reason.to_string()))?;
    if envelope.kind == ResponseKind::Sync {
        let bytes = body.len();
        Ok((envelope, BodySize { bytes, values }))
    } else {
        Err(Error::malformed(request, "it is not a result"))
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = parsed(headers, RETRY_AFTER)?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// The registry and the revision of the catalogue that a response shows.
pub(crate) fn provenance(
    request: &str,
    headers: &HeaderMap,
) -> Result<(RegistryId, Revision), Error> {
    let id = required_header(request, headers, headers::REGISTRY_ID)?;
    let revision = required_header(request, headers, headers::REVISION)?;
    Ok((id, revision))
}

pub(crate) fn required_header<T: FromStr>(
    request: &str,
    headers: &HeaderMap,
    name: &str,
) -> Result<T, Error> {
    let reason = || format!("the header {name} is missing or invalid");
    parsed(headers, name).ok_or_else(|| Error::malformed(request, reason()))
}

pub(crate) fn parsed<T: FromStr>(headers: &HeaderMap, name: impl AsHeaderName) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use aar_http::header::HeaderValue;

    use super::*;

    #[test]
    fn requested_wait_has_a_ceiling_and_only_seconds_are_understood() {
        let minute = Some(Duration::from_mins(1));
        for (value, wait) in [
            ("60", minute),
            ("1000000000000000000", Some(MAX_RETRY_AFTER)),
            ("18446744073709551615", Some(MAX_RETRY_AFTER)),
            ("1e18", None),
            ("NaN", None),
            ("inf", None),
            ("-1", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            assert_eq!(retry_after(&headers), wait, "{value}");
        }
    }
}
