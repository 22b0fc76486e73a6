use std::time::Duration;

use aar_registry::Reader;
use aar_types::{Changes, Envelope, ErrorBody, Revision};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;

use crate::http::{
    auth::{AppState, ClientCaller},
    error::{ApiError, Refusals},
    parameters::StrictQuery,
};

/// The longest wait, in seconds.
const MAX_WAIT: u64 = 300;

/// The query of a listing of changes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangesQuery {
    /// The revision that the client has seen.
    since: u64,
    /// Seconds to wait for a change if there is none, 300 at most.
    #[serde(default)]
    #[param(maximum = 300)]
    wait: u64,
}

/// Lists the changes after a revision, oldest first.
///
/// With `wait`, the response is sent after the next change. It is empty if there is none in that time, or
/// if the service stops.
#[utoipa::path(
    get,
    path = "/1.0/changes",
    tag = "changes",
    operation_id = "list_changes",
    params(ChangesQuery),
    responses(
        (status = 200, body = Envelope<Changes>),
        (status = 410, body = ErrorBody, description = "The changes after this revision are no longer kept: list the catalogue"),
        Refusals,
    )
)]
pub(in crate::http) async fn list(
    ClientCaller(reader): ClientCaller,
    State(state): State<AppState>,
    StrictQuery(ChangesQuery { since, wait }): StrictQuery<ChangesQuery>,
) -> Result<Response, ApiError> {
    if wait > MAX_WAIT {
        let message = format!("query: wait: {wait} is more than {MAX_WAIT} seconds");
        return Err(ApiError::invalid(message));
    }
    let until = Instant::now() + Duration::from_secs(wait);
    let since = Revision(since);
    if wait_for_change(&reader, &state, since, until).await? {
        let read = async |_| {
            let changes = reader.changes(since).await?;
            let revision = changes.revision;
            Ok((Envelope::sync(changes), revision))
        };
        // Boxed, so that a waiting request does not hold the state of a query.
        let key = format!("/1.0/changes?since={since}");
        return Box::pin(state.respond(key, &HeaderMap::new(), read)).await;
    }
    let no_changes = Changes {
        registry_id: state.registry_id().clone(),
        revision: since,
        changes: Vec::new(),
    };
    let response = Json(Envelope::sync(no_changes));
    Ok(state.headers_at(since).add_to(response))
}

/// Waits for a change after a revision. Returns whether there was one in time.
async fn wait_for_change(
    reader: &Reader,
    state: &AppState,
    since: Revision,
    until: Instant,
) -> Result<bool, ApiError> {
    let mut revisions = state.revisions();
    loop {
        // Marked as seen before the comparison, so that a later change ends the wait below.
        let current = *revisions.borrow_and_update();
        // The client may know a revision of another process before this one, or one that does not exist.
        if since < current || since > current && is_listed(reader, since).await? {
            return Ok(true);
        }
        let change = state.drain().run_until_cancelled(revisions.changed());
        match timeout_at(until, change).await {
            Ok(Some(Ok(()))) => {}
            _ => return Ok(false),
        }
    }
}

/// Whether the database has a change after a revision. It refuses a revision that it has not reached.
async fn is_listed(reader: &Reader, since: Revision) -> Result<bool, ApiError> {
    let found = Box::pin(reader.changes(since)).await?;
    Ok(!found.changes.is_empty())
}
