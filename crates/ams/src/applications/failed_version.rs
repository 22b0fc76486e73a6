//! Recording that the build of a version failed or was cancelled.
//!
//! The reason for the failure, such as a full disk, may also prevent the record. It is written
//! later then: a version must not stay in state `initializing`, for which clients wait.

use std::time::Duration;

use aar_types::{VersionNumber, error_chain};

use super::Applications;
use crate::{
    Error,
    store::{EditPermit, Permit as _},
};

/// The wait before the first retry; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct FailedVersion {
    permit: EditPermit,
    number: VersionNumber,
    /// `None` if the build was cancelled.
    reason: Option<String>,
}

impl FailedVersion {
    pub(super) fn new(error: &Error, permit: EditPermit, number: VersionNumber) -> Self {
        Self {
            permit,
            number,
            reason: match error {
                Error::Cancelled => None,
                error => Some(error_chain(error)),
            },
        }
    }
}

impl Applications {
    /// Records a failed build, in the background if that is not possible now.
    pub(super) async fn record_failure(&self, failed: FailedVersion) {
        if let Err(error) = self.write_failure(&failed).await {
            tracing::warn!(
                application = %failed.permit.id(),
                version = %failed.number,
                cause = error_chain(&error),
                "cannot record that the build of a version failed; retrying"
            );
            let applications = self.clone();
            tokio::spawn(async move { applications.retry_failure(&failed).await });
        }
    }

    async fn retry_failure(&self, failed: &FailedVersion) {
        let mut wait = FIRST_WAIT;
        loop {
            tokio::time::sleep(wait).await;
            // After the database is closed, the next start marks the version failed.
            if self.0.services.store.is_closed() || self.write_failure(failed).await.is_ok() {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn write_failure(&self, failed: &FailedVersion) -> Result<(), Error> {
        let store = &self.0.services.store;
        let FailedVersion {
            permit,
            number,
            reason,
        } = failed;
        let action = if let Some(reason) = reason {
            store.version_failed(permit, *number, reason).await?;
            "application-version-failed"
        } else {
            store.version_cancelled(permit, *number).await?;
            "application-version-cancelled"
        };
        self.notify(action, permit.id());
        Ok(())
    }
}
