//! The API: one line for each route.

use axum::{
    Router,
    extract::{Request, State},
    http::uri::PathAndQuery,
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, patch, post},
};

use super::{
    auth::Api,
    error,
    error::ApiError,
    metrics::{self, Metrics, Transport},
    rate::Pace,
    unread,
    v1::{applications, certificates, config, events, operations, registry, service, versions},
};

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path,)+) => {
        /// Every route there is, as method and path.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),+];

        fn routes() -> Router<Api> {
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

/// The API for one listener. A `pace` limits how many requests a second it takes.
pub(super) fn router(
    api: Api,
    pace: Option<Pace>,
    metrics: &Metrics,
    transport: Transport,
) -> Router {
    let mut router = routes()
        .fallback(async || ApiError::NoRoute)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed);
    if let Some(pace) = pace {
        let limit = std::sync::Arc::new((pace, api.clone()));
        router = router.layer(middleware::from_fn_with_state(limit, keep_pace));
    }
    let measure = middleware::from_fn_with_state((metrics.clone(), transport), metrics::observe);
    // Outside of the others, so that they write the bodies of whatever goes wrong further in, and
    // measure all of it.
    let router = router
        .layer(middleware::from_fn(unread::settle))
        .layer(middleware::from_fn(error::answer))
        .layer(measure)
        .with_state(api);
    // What is to change the way of a request has to lie before all routes.
    Router::new()
        .fallback_service(router)
        .layer(middleware::map_request(one_slash))
}

/// Scripts put the address of an operation behind an address of AMS that ends with a slash.
async fn one_slash(mut request: Request) -> Request {
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

type Limit = std::sync::Arc<(Pace, Api)>;

async fn keep_pace(
    State(limit): State<Limit>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (pace, api) = &*limit;
    if pace.admits(api.max_requests_per_second()) {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::TooManyRequests(
            "the limit of this server is reached",
        ))
    }
}
