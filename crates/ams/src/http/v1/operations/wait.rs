//! `GET /1.0/operations/<uuid>/wait`: shows an operation when it has ended or the timeout is over.

use std::time::Duration;

use ams_api::Operation;
use jiff::SignedDuration;
use serde::Deserialize;

use super::find;
use crate::http::{
    auth::TrustedCaller,
    body::{Path, Query},
    envelope::Success,
    error::ApiError,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct WaitQuery {
    /// In seconds; -1 stands for no limit. Durations such as `1m30s` are accepted too.
    timeout: String,
}

pub(in crate::http) async fn wait(
    caller: TrustedCaller,
    Path(id): Path<String>,
    Query(query): Query<WaitQuery>,
) -> Result<Success<Operation>, ApiError> {
    let limit = query.limit()?;
    let operation = find(&caller.ams, &id)?;
    let drain = caller.drain();
    tokio::select! {
        // A server that stops does not wait for the timeout.
        () = drain.cancelled() => {}
        _ = caller.ams.operations().wait(operation.id, limit) => {}
    }
    find(&caller.ams, &id).map(Success)
}

impl WaitQuery {
    fn limit(&self) -> Result<Option<Duration>, ApiError> {
        if matches!(&*self.timeout, "" | "-1") {
            return Ok(None);
        }
        let seconds = || self.timeout.parse().ok().map(Duration::from_secs);
        let duration = || {
            let duration: SignedDuration = self.timeout.parse().ok()?;
            Duration::try_from(duration).ok()
        };
        let limit = seconds().or_else(duration);
        let refusal = || {
            ApiError::BadRequest(format!(
                "timeout: {:?} is neither -1 nor a number of seconds",
                self.timeout
            ))
        };
        limit.map(Some).ok_or_else(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(timeout: &str) -> Result<Option<Duration>, ApiError> {
        let timeout = timeout.to_owned();
        WaitQuery { timeout }.limit()
    }

    #[test]
    fn timeout_is_in_seconds_or_a_duration_or_unlimited() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (text, expected) in [
            ("", None),
            ("-1", None),
            ("0", seconds(0)),
            ("90", seconds(90)),
            ("1m30s", seconds(90)),
        ] {
            assert_eq!(limit(text).unwrap(), expected, "{text}");
        }
        for invalid in ["-2", "soon", "-5s"] {
            assert!(limit(invalid).is_err(), "{invalid}");
        }
    }
}
