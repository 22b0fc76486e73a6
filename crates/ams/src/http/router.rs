//! The table of routes.

use std::sync::Arc;

use aar_daemon::http::{
    RateLimiter,
    metrics::{self, HttpMetrics, Transport},
};
use axum::{
    Router,
    extract::{Request, State},
    http::uri::PathAndQuery,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::{delete, get, patch, post},
};

use tower::util::MapRequest;

use super::{
    auth::AppState,
    error::{self, ApiError},
    v1::{applications, certificates, config, events, operations, registry, service, versions},
};

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path,)+) => {
        /// All routes, as method and path.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),+];

        fn routes() -> Router<AppState> {
            Router::new()$(.route($path, $method($handler)))+
        }
    };
}

routes! {
    get    "/"                                      => service::versions::list,
    get    "/1.0"                                   => service::status::show,
    get    "/1.0/"                                  => service::status::show,
    get    "/1.0/version"                           => service::version::show,

    get    "/1.0/applications"                      => applications::list::list,
    post   "/1.0/applications"                      => applications::create::create,
    delete "/1.0/applications"                      => applications::delete_many::delete_many,
    get    "/1.0/applications/{id}"                 => applications::get::get,
    patch  "/1.0/applications/{id}"                 => applications::update::update,
    patch  "/1.0/applications/{id}/"                => applications::update::update,
    delete "/1.0/applications/{id}"                 => applications::delete::delete,
    get    "/1.0/applications/{id}/manifest"        => applications::manifest::newest,

    get    "/1.0/applications/{id}/{version}"          => versions::export::export,
    patch  "/1.0/applications/{id}/{version}"          => versions::publish::publish,
    delete "/1.0/applications/{id}/{version}"          => versions::delete::delete,
    get    "/1.0/applications/{id}/{version}/manifest" => versions::manifest::of_version,

    get    "/1.0/certificates"                      => certificates::list::list,
    post   "/1.0/certificates"                      => certificates::add::add,
    get    "/1.0/certificates/{fingerprint}"        => certificates::get::get,
    delete "/1.0/certificates/{fingerprint}"        => certificates::remove::remove,

    get    "/1.0/config"                            => config::get::get,
    patch  "/1.0/config"                            => config::set::set,

    get    "/1.0/events"                            => events::listen::listen,
    post   "/1.0/events/auth"                       => events::authorise::authorise,

    get    "/1.0/operations"                        => operations::list::list,
    get    "/1.0/operations/{uuid}"                 => operations::get::get,
    delete "/1.0/operations/{uuid}"                 => operations::cancel::cancel,
    get    "/1.0/operations/{uuid}/wait"            => operations::wait::wait,
    get    "/1.0/operations/{uuid}/websocket"       => operations::websocket::websocket,

    get    "/1.0/registry/applications"             => registry::list::list,
    post   "/1.0/registry/applications/{id}"        => registry::unnamed::unnamed,
    delete "/1.0/registry/applications/{id}"        => registry::delete::delete,
    post   "/1.0/registry/applications/{id}/push"   => registry::push::push,
    post   "/1.0/registry/applications/{id}/pull"   => registry::pull::pull,
    get    "/1.0/registry/status"                   => registry::status::status,
    post   "/1.0/registry/sync"                     => registry::sync::sync,
}

/// The API for one listener.
///
/// A request passes, from the outside in:
///
/// 1. `merge_slashes`: repairs the path before a route is chosen;
/// 2. `metrics::measure`: measures everything below;
/// 3. `error::report`: assigns the request id; on the way out drains the body of the request, writes and logs
///    errors, and adds the date;
/// 4. `limit_rate`, only on HTTPS;
/// 5. the extractors of the handler, from left to right: first the caller ([`super::auth`]), so that an
///    unauthorised caller gets 401 or 403 before anything else is checked;
/// 6. the handler.
pub(super) fn router(state: AppState, metrics: &HttpMetrics, transport: Transport) -> Router {
    let mut router = routes()
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed);
    if let Transport::Https = transport {
        let limit = Arc::new((RateLimiters::default(), state.clone()));
        router = router.layer(from_fn_with_state(limit, limit_rate));
    }
    let measure = from_fn_with_state((metrics.clone(), transport), metrics::measure);
    let router = router
        .layer(from_fn(error::report))
        .layer(measure)
        .with_state(state);
    // A layer of the router above would run after the route is chosen.
    Router::new().fallback_service(MapRequest::new(router, merge_slashes))
}

/// Scripts join an address of AMS that ends with a slash and the path of an operation.
fn merge_slashes(mut request: Request) -> Request {
    let target = request
        .uri()
        .path_and_query()
        .map_or("", PathAndQuery::as_str);
    let path = target.trim_start_matches('/');
    if target.len() - path.len() > 1
        && let Ok(uri) = format!("/{path}").parse()
    {
        *request.uri_mut() = uri;
    }
    request
}

/// Callers that are not authorised have a limit of their own: they cannot use up that of the others.
#[derive(Default)]
struct RateLimiters {
    known: RateLimiter,
    unknown: RateLimiter,
}

async fn limit_rate(
    State(limit): State<Arc<(RateLimiters, AppState)>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (limiters, state) = &*limit;
    let limiter = if state.is_known(request.extensions()) {
        &limiters.known
    } else {
        &limiters.unknown
    };
    if limiter.admits(state.max_requests_per_second()) {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::TooManyRequests)
    }
}
