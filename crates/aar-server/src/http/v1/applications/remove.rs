use aar_types::{Architecture, Envelope, ErrorBody};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsPublisher},
    parameters::{ApplicationPath, Asked},
};

/// What to delete of the application.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Which {
    /// Only this architecture, in place of all.
    architecture: Option<Architecture>,
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Removed {
    /// The number of versions.
    pub(in crate::http) versions: usize,
}

/// Deletes an application with its versions. Its images go later, when nothing else names them.
#[utoipa::path(
    delete,
    path = "/1.0/applications/{name}",
    tag = "applications",
    operation_id = "remove_application",
    params(ApplicationPath, Which),
    responses(
        (status = 200, body = Envelope<Removed>),
        (status = 404, body = ErrorBody, description = "There is no such application"),
        Refusals,
    )
)]
pub(in crate::http) async fn remove(
    AsPublisher(publisher): AsPublisher,
    State(app): State<App>,
    ApplicationPath { name }: ApplicationPath,
    Asked(Which { architecture }): Asked<Which>,
) -> Result<Json<Envelope<Removed>>, ApiError> {
    let missing = ApiError::no_application(&name);
    let remove = async move { publisher.remove_application(&name, architecture).await };
    match app.completion().run(remove).await? {
        0 => Err(missing),
        versions => Ok(Json(Envelope::sync(Removed { versions }))),
    }
}
