use aar_types::{Application, Envelope, ErrorBody};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsClient},
    parameters::ApplicationPath,
};

/// An application with all its versions.
#[utoipa::path(
    get,
    path = "/1.0/applications/{name}",
    tag = "applications",
    operation_id = "show_application",
    params(ApplicationPath),
    responses(
        (status = 200, body = Envelope<Application>),
        (status = 304, description = "The caller has this revision"),
        (status = 404, body = ErrorBody, description = "There is no such application"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    AsClient(reader): AsClient,
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    ApplicationPath { name }: ApplicationPath,
) -> Result<Response, ApiError> {
    let make = async |revision| {
        let found = reader.application(&name).await?;
        let application = found.ok_or_else(|| ApiError::no_application(&name))?;
        Ok((Envelope::sync(application), revision))
    };
    app.answer(&uri, &headers, make).await
}
