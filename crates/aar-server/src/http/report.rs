//! Around every request: an id, one line in the log, and the bodies of errors.

use std::{net::SocketAddr, time::Instant};

use aar_tls::Peer;
use aar_types::{ErrorBody, ErrorCode, Fingerprint, headers};
use axum::{
    Json,
    extract::{ConnectInfo, MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, Uri};
use tracing::{debug, error, warn};

use super::errors::ApiError;

/// What the log says of a request. It becomes text only where a line is written.
struct Seen {
    request_id: String,
    method: Method,
    uri: Uri,
    /// The route, without what stands in its places: paths carry names, routes do not.
    route: Option<MatchedPath>,
    address: Option<SocketAddr>,
    fingerprint: Option<Fingerprint>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let peer = peer.map(|ConnectInfo(peer)| peer);
        Self {
            request_id: xid::new().to_string(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            address: peer.map(|peer| peer.address),
            fingerprint: peer.and_then(Peer::fingerprint),
        }
    }

    fn route(&self) -> &str {
        let route = self.route.as_ref().map(MatchedPath::as_str);
        route.unwrap_or(self.uri.path())
    }

    fn address(&self) -> String {
        let address = self.address.map(|address| address.to_string());
        address.unwrap_or_default()
    }

    fn fingerprint(&self) -> String {
        let fingerprint = self.fingerprint.map(|fingerprint| fingerprint.to_string());
        fingerprint.unwrap_or_else(|| "none".to_owned())
    }

    fn log_answer(&self, response: &Response, started: Instant) {
        debug!(
            request_id = self.request_id,
            method = self.method.as_str(),
            path = self.uri.path(),
            address = self.address(),
            fingerprint = self.fingerprint(),
            status = response.status().as_u16(),
            elapsed_ms = started.elapsed().as_millis(),
            "request answered"
        );
    }

    fn log_error(&self, error: &ApiError) {
        if let (ErrorCode::StorageFull, Some(chain)) = (error.code(), error.chain()) {
            // It is the same for everybody who writes, and nothing is wrong with the program.
            warn!(
                request_id = self.request_id,
                fingerprint = self.fingerprint(),
                address = self.address(),
                method = self.method.as_str(),
                path = self.uri.path(),
                error = chain,
                "request refused for want of space"
            );
        } else if let Some(chain) = error.chain() {
            error!(
                request_id = self.request_id,
                fingerprint = self.fingerprint(),
                address = self.address(),
                method = self.method.as_str(),
                path = self.uri.path(),
                code = error.code().as_str(),
                error = chain,
                "request failed"
            );
        } else if error.is_refusal() {
            warn!(
                request_id = self.request_id,
                fingerprint = self.fingerprint(),
                address = self.address(),
                method = self.method.as_str(),
                route = self.route(),
                path = self.uri.path(),
                reason = error.code().as_str(),
                "request refused"
            );
        } else {
            debug!(
                request_id = self.request_id,
                code = error.code().as_str(),
                message = error.message(),
                "request not served"
            );
        }
    }

    /// Who may read the log may know more: bodies of failures carry the id and no cause.
    fn error_body(&self, error: &ApiError) -> ErrorBody {
        let mut body = ErrorBody::new(error.code(), error.message());
        if error.code().status() >= 500 {
            body.request_id = Some(self.request_id.clone());
        }
        body
    }
}

/// The middleware.
pub(crate) async fn report(request: Request, next: Next) -> Response {
    let seen = Seen::of(&request);
    let started = Instant::now();
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        seen.log_error(&error);
        response = with_body(response, seen.error_body(&error));
    }
    if let Ok(id) = HeaderValue::from_str(&seen.request_id) {
        response.headers_mut().insert(headers::REQUEST_ID, id);
    }
    seen.log_answer(&response, started);
    response
}

/// The status and headers of one response with another body.
fn with_body(response: Response, body: ErrorBody) -> Response {
    let (mut parts, _) = response.into_parts();
    let (written, body) = Json(body).into_response().into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    parts.headers.extend(written.headers);
    Response::from_parts(parts, body)
}
