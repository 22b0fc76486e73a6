use std::{
    future,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use crate::{Error, Registry, TrustTable, metadata::CommitListener};

/// A process that has not read the database for this long does not know who is trusted.
const TRUST_IS_CURRENT_FOR: Duration = Duration::from_secs(10);
/// The time in which a request that needs trust waits for the database.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause before the database is asked again to report commits.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Commits that change the catalogue or trust, of this process and of others.
pub struct Commits {
    registry: Registry,
    listener: Option<CommitListener>,
}

impl Registry {
    /// Reloads the revision and the trust table after writes of other processes. It is cheap without a
    /// change, so it can run several times a second.
    pub async fn refresh(&self) -> Result<(), Error> {
        let _refreshing = self.inner.refreshing.lock().await;
        let begun = Instant::now();
        let mut tx = self.metadata().read().await?;
        let Some(row) = tx.registry().await? else {
            return Err(Error::EmptyDatabase);
        };
        if row.trust_revision != self.trust().revision() {
            let table = TrustTable::new(row.trust_revision, tx.certificates().await?);
            self.inner.trust.store(table.into());
            self.inner.trust_changes.send_replace(row.trust_revision);
        }
        self.announce_revision(row.revision);
        self.inner.last_refresh.record(begun);
        Ok(())
    }

    /// Refuses to go on while the trust table may be out of date: the database could not be read for ten
    /// seconds, and still cannot.
    pub async fn require_current_trust(&self) -> Result<(), Error> {
        if self.inner.last_refresh.age() < TRUST_IS_CURRENT_FOR {
            return Ok(());
        }
        // Boxed: nearly every request ends above.
        let refresh = Box::pin(self.refresh());
        let refreshed = timeout(REFRESH_TIMEOUT, refresh).await;
        refreshed.unwrap_or(Err(Error::TrustUnknown))
    }

    /// Follows the commits of all processes, if the database reports them.
    pub fn commits(&self) -> Commits {
        Commits {
            registry: self.clone(),
            listener: None,
        }
    }
}

impl Commits {
    /// Waits for the next commit. Never returns if the database does not report commits.
    pub async fn next(&mut self) {
        loop {
            if let Some(listener) = &mut self.listener {
                match listener.recv().await {
                    Ok(_) => return,
                    Err(error) => tracing::debug!(%error, "the database reports no commits"),
                }
            }
            match self.registry.metadata().listen().await {
                Ok(Some(listener)) => {
                    self.listener = Some(listener);
                    // There may have been commits since the last message.
                    return;
                }
                Ok(None) => future::pending().await,
                // The service reports at its next read that the database cannot be reached.
                Err(_) => sleep(LISTEN_AGAIN).await,
            }
        }
    }
}
