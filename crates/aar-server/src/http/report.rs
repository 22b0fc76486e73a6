//! Around every request: an id, one line in the log, and the bodies of errors.

use std::time::Instant;

use aar_tls::Peer;
use aar_types::{ErrorBody, ErrorCode, headers};
use axum::{
    Json,
    extract::{ConnectInfo, MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::HeaderValue;
use tracing::{debug, error, warn};
use uuid::Uuid;

use super::errors::ApiError;

/// What the log says of a request.
struct Seen {
    request_id: String,
    method: String,
    /// The route, without what stands in its places: paths carry names, routes do not.
    route: String,
    path: String,
    address: String,
    fingerprint: String,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let fingerprint = peer.and_then(|ConnectInfo(peer)| peer.fingerprint());
        let path = request.uri().path().to_owned();
        let route = request.extensions().get::<MatchedPath>();
        Self {
            request_id: Uuid::new_v4().to_string(),
            method: request.method().to_string(),
            route: route.map_or_else(|| path.clone(), |route| route.as_str().to_owned()),
            path,
            address: peer.map_or_else(String::new, |ConnectInfo(peer)| peer.address.to_string()),
            fingerprint: fingerprint.map_or_else(|| "none".to_owned(), |it| it.to_string()),
        }
    }

    fn log_answer(&self, response: &Response, started: Instant) {
        debug!(
            request_id = self.request_id,
            method = self.method,
            path = self.path,
            address = self.address,
            fingerprint = self.fingerprint,
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
                method = self.method,
                path = self.path,
                error = chain,
                "request refused for want of space"
            );
        } else if let Some(chain) = error.chain() {
            error!(
                request_id = self.request_id,
                method = self.method,
                path = self.path,
                code = error.code().as_str(),
                error = chain,
                "request failed"
            );
        } else if error.is_refusal() {
            warn!(
                request_id = self.request_id,
                fingerprint = self.fingerprint,
                address = self.address,
                method = self.method,
                route = self.route,
                path = self.path,
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
