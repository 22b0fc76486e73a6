//! `GET /1.0/operations/<uuid>/wait`: an operation, once it has come to its end.

use std::time::Duration;

use ams_api::Operation;
use jiff::SignedDuration;
use serde::Deserialize;

use super::find;
use crate::http::{
    auth::Trusted,
    body::{Path, Query},
    envelope::Done,
    error::ApiError,
};

/// How long to wait.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Patience {
    /// In seconds, -1 for as long as it takes. Durations such as `1m30s` are understood too.
    timeout: String,
}

/// Waits, and shows the operation as it is then: at its end, or when the time is over.
pub(in crate::http) async fn wait(
    caller: Trusted,
    Path(id): Path<String>,
    Query(patience): Query<Patience>,
) -> Result<Done<Operation>, ApiError> {
    let limit = patience.read()?;
    let operation = find(&caller.ams, &id)?;
    let drain = caller.drain();
    tokio::select! {
        // A server that stops does not wait for its callers' patience.
        () = drain.cancelled() => {}
        _ = caller.ams.operations().wait(operation.id, limit) => {}
    }
    find(&caller.ams, &id).map(Done)
}

impl Patience {
    fn read(&self) -> Result<Option<Duration>, ApiError> {
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

    fn read(timeout: &str) -> Result<Option<Duration>, ApiError> {
        let timeout = timeout.to_owned();
        Patience { timeout }.read()
    }

    #[test]
    fn patience_is_given_in_seconds_or_as_a_duration_or_has_no_end() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (text, limit) in [
            ("", None),
            ("-1", None),
            ("0", seconds(0)),
            ("90", seconds(90)),
            ("1m30s", seconds(90)),
        ] {
            assert_eq!(read(text).unwrap(), limit, "{text}");
        }
        for bad in ["-2", "soon", "-5s"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
