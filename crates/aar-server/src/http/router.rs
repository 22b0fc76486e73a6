//! The table of routes. The OpenAPI document is generated from the same rows.

use aar_daemon::http::metrics::{HttpMetrics, Transport, measure};
use aar_types::{ErrorBody, ErrorCode};
use axum::{
    Router,
    extract::Request,
    middleware::{from_fn, from_fn_with_state},
};
use tower::util::MapRequest;
use utoipa::{OpenApi as _, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::AppState,
    error::ApiError,
    report::report,
    tus,
    v1::{applications, changes, fleet, server, uploads, versions},
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Anbox Application Registry",
        description = "Applications with their versions and images, for the subclusters of a fleet. \
                       Callers authenticate with a client certificate, and its fingerprint decides \
                       what they may do.",
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "server", description = "The registry itself. No certificate is needed."),
        (name = "applications", description = "The catalogue."),
        (name = "versions", description = "Versions of an application, and their images."),
        (name = "uploads", description = "Uploads of images, by the tus 1.0 protocol."),
        (name = "changes", description = "The changes of the catalogue."),
        (name = "fleet", description = "The sites that use the registry, and how they stand."),
    )
)]
struct Document;

fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(server::versions::versions))
        .routes(routes!(server::info::info))
        .routes(routes!(server::status::status))
        .routes(routes!(server::openapi::openapi))
        .routes(routes!(applications::list::list))
        .routes(routes!(applications::show::show))
        .routes(routes!(applications::remove::remove))
        .routes(routes!(applications::put::put))
        .routes(routes!(versions::show::show))
        .routes(routes!(versions::put::put))
        .routes(routes!(versions::patch::patch))
        .routes(routes!(versions::remove::remove))
        .routes(routes!(versions::image::image))
        .routes(routes!(changes::list::list))
        .routes(routes!(fleet::report::report))
        .routes(routes!(fleet::list::list))
        .routes(routes!(fleet::show::show))
        .routes(routes!(fleet::application::application))
        .merge(upload_table())
}

fn upload_table() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(uploads::options::options))
        .routes(routes!(uploads::create::create))
        .routes(routes!(uploads::show::show))
        .routes(routes!(uploads::append::append))
        .routes(routes!(uploads::remove::remove))
        .layer(from_fn(tus::add_version))
}

/// The API.
///
/// A request passes, from the outside in:
///
/// 0. `tus::override_method`: sets the method of an upload request that names another one;
/// 1. `measure`: counts the request, if there are metrics to serve;
/// 2. `report`: assigns the request id; on the way out drains the body of the request, writes the body of an
///    error, adds the date and logs the request;
/// 3. `tus::add_version`, only on the upload routes: adds the protocol version to the response;
/// 4. the extractors of the handler, from left to right: first the caller ([`super::auth`]), so that an
///    unauthorised caller gets 401 or 403 before anything else is checked, then path, query and body;
/// 5. the handler.
pub(crate) fn router(state: AppState, metrics: Option<&HttpMetrics>) -> Router {
    let (router, _) = table().split_for_parts();
    let router = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(report))
        .with_state(state);
    let router = match metrics {
        Some(metrics) => router.layer(from_fn_with_state(
            (metrics.clone(), Transport::Https),
            measure,
        )),
        None => router,
    };
    // A layer of the router itself would run after the route was selected.
    Router::new().fallback_service(MapRequest::new(router, tus::override_method))
}

/// The OpenAPI document.
pub(crate) fn openapi() -> OpenApi {
    table().into_openapi()
}

async fn no_route(request: Request) -> ApiError {
    let message = format!("no such route: {}", request.uri().path());
    ApiError::new(ErrorCode::RouteNotFound, message)
}

async fn no_method(request: Request) -> ApiError {
    let message = format!(
        "{} does not accept {}",
        request.uri().path(),
        request.method()
    );
    ApiError::new(ErrorCode::MethodNotAllowed, message)
}
