use aar_types::{Application, Envelope, ErrorBody};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use crate::http::{
    auth::{AppState, ClientCaller},
    error::{ApiError, Refusals},
    parameters::ApplicationPath,
};

/// Shows an application with all its versions.
#[utoipa::path(
    get,
    path = "/1.0/applications/{name}",
    tag = "applications",
    operation_id = "show_application",
    params(ApplicationPath),
    responses(
        (status = 200, body = Envelope<Application>),
        (status = 304, description = "The client has this revision"),
        (status = 404, body = ErrorBody, description = "The application does not exist"),
        Refusals,
    )
)]
pub(in crate::http) async fn show(
    ClientCaller(reader): ClientCaller,
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    ApplicationPath { name }: ApplicationPath,
) -> Result<Response, ApiError> {
    let read = async |revision| {
        let found = reader.application(&name).await?;
        let application = found.ok_or_else(|| ApiError::no_application(&name))?;
        Ok((Envelope::sync(application), revision))
    };
    state.respond(&uri, &headers, read).await
}
