use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, header},
    middleware::Next,
    response::Response,
};
use http_body::Body as _;
use tokio::time::Instant;

use super::{Handler, Metrics, Served, Transport};

/// Measures a request.
pub(in crate::http) async fn observe(
    State((metrics, transport)): State<(Metrics, Transport)>,
    request: Request,
    next: Next,
) -> Response {
    let _in_flight = metrics.enter();
    let begun = Instant::now();
    let handler = handler(transport, &request);
    let length = request.headers().get(header::CONTENT_LENGTH);
    let request_size = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let response = next.run(request).await;
    metrics.record(Served {
        handler,
        status: response.status().as_u16(),
        took: begun.elapsed(),
        request_size,
        response_size: size_of(&response),
    });
    response
}

/// Methods that nobody knows are one: they would be without number.
fn handler(transport: Transport, request: &Request) -> Handler {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let method = known.iter().find(|known| *known == request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    Handler::new(transport, method.unwrap_or(&Method::OPTIONS), route)
}

fn size_of(response: &Response) -> Option<u64> {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let announced = length.and_then(|length| length.to_str().ok()?.parse().ok());
    announced.or_else(|| response.body().size_hint().exact())
}
