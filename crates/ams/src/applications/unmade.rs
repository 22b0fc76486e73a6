//! Versions that were not made: that they failed, or were cancelled, has to be put down.
//!
//! What kept a version from being made, such as a full disk, may keep that from being written as
//! well. It is written later then: a version that says for ever that it is being made would have
//! people wait for it.

use std::time::Duration;

use aar_types::VersionNumber;

use super::{
    Applications,
    guard::{MayEdit, sealed::Permit as _},
};
use crate::{Error, error::chain};

/// The wait before the second attempt; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A version that was not made.
#[derive(Debug)]
pub(super) struct Unmade {
    permit: MayEdit,
    number: VersionNumber,
    /// Why; absent where somebody wanted it so.
    reason: Option<String>,
}

impl Unmade {
    /// The version whose making came to this end.
    pub(super) fn by(error: &Error, permit: MayEdit, number: VersionNumber) -> Self {
        Self {
            permit,
            number,
            reason: match error {
                Error::Cancelled => None,
                error => Some(chain(error)),
            },
        }
    }
}

impl Applications {
    /// Puts down that a version was not made, later if it cannot be done now.
    pub(super) async fn put_down(&self, unmade: Unmade) {
        if let Err(error) = self.write_unmade(&unmade).await {
            tracing::warn!(
                application = %unmade.permit.id(),
                version = %unmade.number,
                cause = chain(&error),
                "that a version was not made is written later"
            );
            let applications = self.clone();
            tokio::spawn(async move { applications.write_later(&unmade).await });
        }
    }

    async fn write_later(&self, unmade: &Unmade) {
        let mut wait = FIRST_WAIT;
        loop {
            tokio::time::sleep(wait).await;
            // The next start does it.
            if self.0.base.store.is_closed() || self.write_unmade(unmade).await.is_ok() {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn write_unmade(&self, unmade: &Unmade) -> Result<(), Error> {
        let store = &self.0.base.store;
        let Unmade {
            permit,
            number,
            reason,
        } = unmade;
        let action = if let Some(reason) = reason {
            store.version_failed(permit, *number, reason).await?;
            "application-version-failed"
        } else {
            store.version_cancelled(permit, *number).await?;
            "application-version-cancelled"
        };
        self.tell(action, permit.id());
        Ok(())
    }
}
