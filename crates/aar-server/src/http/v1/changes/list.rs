use std::time::Duration;

use aar_registry::Reader;
use aar_types::{Changes, Envelope, ErrorBody, Revision};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
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
    let since = Revision(since);
    if is_news(&reader, &app, since, until).await? {
        let make = async |_| {
            let changes = reader.changes(since).await?;
            let revision = changes.revision;
            Ok((Envelope::sync(changes), revision))
        };
        // What queries need is not kept while waiting.
        let asked = format!("/1.0/changes?since={since}");
        return Box::pin(app.answer(asked, &HeaderMap::new(), make)).await;
    }
    let nothing = Changes {
        registry_id: app.registry_id().clone(),
        revision: since,
        changes: Vec::new(),
    };
    Ok(app.stamp_at(since).on(Json(Envelope::sync(nothing))))
}

/// Waits for a change after a revision. `false` when there was none in time.
async fn is_news(
    reader: &Reader,
    app: &App,
    since: Revision,
    until: Instant,
) -> Result<bool, ApiError> {
    let mut revisions = app.revisions();
    loop {
        // Seen before the look: a change that comes after it wakes the next wait.
        let present = *revisions.borrow_and_update();
        // A caller can be ahead of what this process has heard of another, or of what there is.
        if since < present || since > present && is_listed(reader, since).await? {
            return Ok(true);
        }
        let change = app.drain().run_until_cancelled(revisions.changed());
        match timeout_at(until, change).await {
            Ok(Some(Ok(()))) => {}
            _ => return Ok(false),
        }
    }
}

/// Whether the database knows of a change after a revision. It refuses what it has not come to yet.
async fn is_listed(reader: &Reader, since: Revision) -> Result<bool, ApiError> {
    let found = Box::pin(reader.changes(since)).await?;
    Ok(!found.changes.is_empty())
}
