use aar_types::{Architecture, Envelope, ErrorBody};
use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::DeletionResult;
use crate::http::{
    auth::{AppState, PublisherCaller},
    error::{ApiError, Refusals},
    parameters::{ApplicationPath, StrictQuery},
};

/// The query of a deletion.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RemoveQuery {
    /// Only this architecture.
    architecture: Option<Architecture>,
}

/// Deletes an application with its versions. Its images are deleted later, unless other versions use them.
#[utoipa::path(
    delete,
    path = "/1.0/applications/{name}",
    tag = "applications",
    operation_id = "remove_application",
    params(ApplicationPath, RemoveQuery),
    responses(
        (status = 200, body = Envelope<DeletionResult>),
        (status = 404, body = ErrorBody, description = "The application does not exist"),
        Refusals,
    )
)]
pub(in crate::http) async fn remove(
    PublisherCaller(publisher): PublisherCaller,
    State(state): State<AppState>,
    ApplicationPath { name }: ApplicationPath,
    StrictQuery(RemoveQuery { architecture }): StrictQuery<RemoveQuery>,
) -> Result<Json<Envelope<DeletionResult>>, ApiError> {
    let not_found = ApiError::no_application(&name);
    let remove = async move { publisher.remove_application(&name, architecture).await };
    match state.detached().run(remove).await? {
        0 => Err(not_found),
        versions => Ok(Json(Envelope::sync(DeletionResult { versions }))),
    }
}
