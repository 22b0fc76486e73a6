//! The middleware around every request: request id, date, one log entry, bodies of errors and of requests that
//! were not read.

use std::{net::SocketAddr, time::Instant};

use aar_daemon::http::{add_date, drain_body, with_json_body};
use aar_tls::Peer;
use aar_types::{ErrorBody, ErrorCode, Fingerprint, headers};
use axum::{
    extract::{ConnectInfo, MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, Method, Uri};
use tracing::{debug, error, warn};

use super::error::ApiError;

/// The fields of log entries about a request. They become text only when an entry is written.
struct RequestLog {
    request_id: String,
    method: Method,
    uri: Uri,
    /// The route, with placeholders instead of names.
    route: Option<MatchedPath>,
    address: Option<SocketAddr>,
    fingerprint: Option<Fingerprint>,
}

impl RequestLog {
    fn new(request: &Request) -> Self {
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

    fn log_response(&self, response: &Response, started: Instant) {
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
            // Every request that writes fails like this, and the program is not at fault.
            warn!(
                request_id = self.request_id,
                fingerprint = self.fingerprint(),
                address = self.address(),
                method = self.method.as_str(),
                path = self.uri.path(),
                error = chain,
                "request refused: no space left"
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
                "request invalid"
            );
        }
    }

    /// The body of a failure has the request id but no cause: the log has it.
    fn error_body(&self, error: &ApiError) -> ErrorBody {
        let mut body = ErrorBody::new(error.code(), error.message());
        if error.code().status() >= 500 {
            body.request_id = Some(self.request_id.clone());
        }
        body
    }
}

pub(crate) async fn report(request: Request, next: Next) -> Response {
    let log = RequestLog::new(&request);
    let started = Instant::now();
    let mut response = drain_body(request, next).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        log.log_error(&error);
        response = with_json_body(response, &log.error_body(&error));
    }
    if let Ok(id) = HeaderValue::from_str(&log.request_id) {
        response.headers_mut().insert(headers::REQUEST_ID, id);
    }
    add_date(&mut response);
    log.log_response(&response, started);
    response
}
