//! Delivers the entries of the outbox whose task has failed or was killed.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{Error, Operator, storage::ObjectKey, tasks::run_to_completion};

/// The number of entries in one transaction.
const BATCH: usize = 64;
/// The interval of checks for entries of other processes.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

impl Operator {
    /// Delivers every entry of the outbox that no other task is delivering, and returns their keys.
    pub async fn deliver_outbox(&self) -> Result<Vec<String>, Error> {
        let (registry, actor) = (self.registry.clone(), self.actor.clone());
        run_to_completion(async move {
            let keys = registry.metadata().read().await?.outbox_keys("").await?;
            let (mut delivered, mut failure) = (Vec::new(), None);
            for batch in keys.chunks(BATCH) {
                let delivery = registry.claim(batch.iter().cloned()).await?;
                let mut batch = registry.deliver(&actor, &delivery).await?;
                delivered.append(&mut batch.keys);
                let is_unreachable = batch.failure.as_ref().is_some_and(Error::is_retryable);
                failure = failure.or(batch.failure);
                if is_unreachable {
                    break;
                }
            }
            failure.map_or(Ok(delivered), Err)
        })
        .await
    }

    /// The number of descriptors that storage does not have yet.
    pub async fn undelivered(&self) -> Result<u64, Error> {
        let mut tx = self.registry.metadata().read().await?;
        tx.count_outbox().await
    }

    /// Delivers the descriptors of all certificates, and waits for other tasks that deliver some of them.
    pub async fn deliver_trust(&self) -> Result<(), Error> {
        let (registry, actor) = (self.registry.clone(), self.actor.clone());
        run_to_completion(async move {
            let mut tx = registry.metadata().read().await?;
            let keys = tx.outbox_keys(ObjectKey::CERTIFICATES).await?;
            drop(tx);
            let delivery = registry.claim(keys).await?;
            match registry.deliver_all(&actor, delivery).await {
                // Storage has a revocation, and the database has adopted it.
                Err(Error::CertificateRevoked { .. }) => Ok(()),
                delivered => delivered,
            }
        })
        .await
    }

    /// Delivers new entries of the outbox, and never returns. After a failure it backs off.
    pub async fn keep_delivering(&self) {
        let mut pause = PERIOD;
        loop {
            match self.deliver_outbox().await {
                Ok(keys) => {
                    if !keys.is_empty() {
                        tracing::info!(?keys, "the outbox was delivered to storage");
                    }
                    pause = PERIOD;
                }
                Err(error) => {
                    report(&error, pause);
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
            let undelivered = self.registry.inner.undelivered.notified();
            let _elapsed = timeout(PERIOD, undelivered).await;
        }
    }
}

fn report(error: &Error, pause: Duration) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, ?pause, "the outbox cannot be delivered to storage");
}
