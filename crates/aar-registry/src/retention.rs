//! Deletes versions that were withdrawn long ago.

use jiff::{SignedDuration, Timestamp};

use crate::{Error, Operator, keys::VersionKey, mutation::Mutation, remove::remove_version};

impl Operator {
    /// Deletes the versions that are withdrawn for longer than the configured retention, and returns their
    /// names. Without a retention they are kept for ever.
    pub async fn remove_withdrawn(&self) -> Result<Vec<String>, Error> {
        let Some(retention) = self.registry.options().withdrawn_retention else {
            return Ok(Vec::new());
        };
        self.registry.correct_times().await?;
        let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
        let now = self.registry.now();
        let before = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
        let mut tx = self.registry.metadata().read().await?;
        let withdrawn = tx.versions_withdrawn_before(before).await?;
        drop(tx);
        let mut removed = Vec::new();
        for key in withdrawn {
            let name = key.to_string();
            let removal = self
                .registry
                .mutate_from_reserve(&self.actor, move |change| {
                    Box::pin(remove_withdrawn(change, key, before))
                });
            if removal.await? {
                removed.push(name);
            }
        }
        Ok(removed)
    }
}

/// A version that was published again meanwhile is kept.
async fn remove_withdrawn(
    change: &mut Mutation,
    key: VersionKey,
    before: Timestamp,
) -> Result<bool, Error> {
    if change.tx.is_withdrawn_before(&key, before).await? {
        remove_version(change, key).await
    } else {
        Ok(false)
    }
}
