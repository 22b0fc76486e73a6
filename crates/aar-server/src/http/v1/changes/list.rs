use std::time::Duration;

use aar_registry::Reader;
use aar_types::{Changes, Envelope, ErrorBody, Revision};
use axum::{Json, extract::State, response::Response};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsClient},
    parameters::Asked,
};

/// The longest time that a request may wait, in seconds.
const LONGEST: u64 = 300;

/// Which changes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct After {
    /// The revision that the caller has seen.
    since: u64,
    /// For how many seconds to wait for a change where there is none, 300 at most.
    #[serde(default)]
    #[param(maximum = 300)]
    wait: u64,
}

/// What has changed after a revision, oldest first.
///
/// With `wait`, the answer comes with the next change. It is empty when there was none in that
/// time, or when the service is about to stop.
#[utoipa::path(
    get,
    path = "/1.0/changes",
    tag = "changes",
    operation_id = "list_changes",
    params(After),
    responses(
        (status = 200, body = Envelope<Changes>),
        (status = 410, body = ErrorBody, description = "What followed is no longer kept: list the catalogue"),
        Refusals,
    )
)]
pub(in crate::http) async fn list(
    AsClient(reader): AsClient,
    State(app): State<App>,
    Asked(After { since, wait }): Asked<After>,
) -> Result<Response, ApiError> {
    if wait > LONGEST {
        let message = format!("query: wait: {wait} is more than {LONGEST} seconds");
        return Err(ApiError::invalid(message));
    }
    let until = Instant::now() + Duration::from_secs(wait);
    let changes = changes(&reader, &app, Revision(since), until).await?;
    let stamp = app.stamp_at(changes.revision);
    Ok(stamp.on(Json(Envelope::sync(changes))))
}

/// The changes after a revision, as soon as there are any.
async fn changes(
    reader: &Reader,
    app: &App,
    since: Revision,
    until: Instant,
) -> Result<Changes, ApiError> {
    let mut revisions = app.revisions();
    loop {
        // Seen before the query: a change that comes after it wakes the next wait.
        revisions.mark_unchanged();
        // What a query needs is not kept while waiting.
        let found = Box::pin(reader.changes(since)).await?;
        if !found.changes.is_empty() {
            return Ok(found);
        }
        let change = app.drain().run_until_cancelled(revisions.changed());
        match timeout_at(until, change).await {
            Ok(Some(Ok(()))) => {}
            _ => return Ok(found),
        }
    }
}
