//! The route table. The OpenAPI document is generated from the same lines.

use aar_types::{ErrorBody, ErrorCode};
use axum::{Router, extract::Request, middleware::from_fn};
use utoipa::{OpenApi as _, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    errors::ApiError,
    identity::App,
    report::report,
    tus,
    v1::{applications, changes, server, uploads, versions},
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Anbox Application Registry",
        description = "Applications, their versions and images, for the subclusters of a fleet. \
                       Callers show a client certificate; what it may do is decided by its \
                       fingerprint.",
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "server", description = "The registry itself. No certificate is needed."),
        (name = "applications", description = "The catalogue."),
        (name = "versions", description = "Versions of an application, and their images."),
        (name = "uploads", description = "Images on their way in: the tus 1.0 protocol."),
        (name = "changes", description = "What has changed."),
    )
)]
struct Document;

fn table() -> OpenApiRouter<App> {
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
        .merge(upload_table())
}

fn upload_table() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(uploads::options::options))
        .routes(routes!(uploads::create::create))
        .routes(routes!(uploads::show::show))
        .routes(routes!(uploads::append::append))
        .routes(routes!(uploads::remove::remove))
        .layer(from_fn(tus::name_version))
}

/// The service.
///
/// A request meets, in this order:
///
/// 1. `report`: gives it an id; on the way out logs the answer and writes the body of an error;
/// 2. `tus::name_version`, on the upload routes only: names the version of the protocol;
/// 3. the handler's extractors, from left to right: first *who calls* ([`super::identity`]), so
///    that nobody learns from a 400 what only a 401 or 403 should answer, then path, query and body;
/// 4. the handler.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = table().split_for_parts();
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(report))
        .with_state(app)
}

/// The document that describes the API.
pub(crate) fn openapi() -> OpenApi {
    table().into_openapi()
}

async fn no_route(request: Request) -> ApiError {
    let message = format!("there is no route {}", request.uri().path());
    ApiError::new(ErrorCode::RouteNotFound, message)
}

async fn no_method(request: Request) -> ApiError {
    let message = format!(
        "{} does not take {}",
        request.uri().path(),
        request.method()
    );
    ApiError::new(ErrorCode::MethodNotAllowed, message)
}
