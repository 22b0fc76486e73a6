//! Compares one key in database and storage, at a moment at which no task changes it.

use std::time::Duration;

use aar_types::Digest;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    Error, Registry,
    descriptor::{self, normalized},
    lease::lease_times,
    metadata::Reading,
    storage::ObjectKey,
};

/// The time for which to wait until no task changes a key.
const WAIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

/// The two sides of a compared key.
pub(super) struct Comparison {
    /// The content of the descriptor that the database requires.
    pub(super) expected: Option<Value>,
    pub(super) stored: Result<Option<Bytes>, Error>,
}

/// The state of a key in the database.
#[derive(PartialEq)]
struct DatabaseView {
    expected: Option<Value>,
    /// An undelivered entry of the outbox.
    undelivered: Option<u64>,
    is_leased: bool,
}

impl Registry {
    /// Compares a descriptor. Storage is read between two equal reads of the database.
    pub(super) async fn compare(&self, key: &ObjectKey) -> Result<Comparison, Error> {
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            let before = self.view(key).await?;
            if before.is_leased {
                sleep(POLL).await;
                continue;
            }
            let storage = self.storage();
            let stored = storage.in_time(storage.get(key)).await;
            if self.view(key).await? == before {
                let expected = before.expected;
                return Ok(Comparison { expected, stored });
            }
        }
        let key = key.to_string();
        Err(Error::ObjectLocked { key })
    }

    async fn view(&self, key: &ObjectKey) -> Result<DatabaseView, Error> {
        let mut tx = self.metadata().read().await?;
        let text = key.to_string();
        let entry = tx.outbox_entry(&text).await?;
        let times = lease_times(&mut tx).await?;
        Ok(DatabaseView {
            expected: expected(&mut tx, key).await?,
            undelivered: entry.map(|entry| entry.revision),
            is_leased: tx.is_leased(&text, times).await?,
        })
    }

    /// Whether a blob belongs to a row or to an upload in progress.
    pub(super) async fn knows_blob(&self, digest: &Digest) -> Result<bool, Error> {
        let mut tx = self.metadata().read().await?;
        Ok(tx.blob(digest).await?.is_some() || tx.digest_is_awaited(digest, self.now()).await?)
    }
}

/// The content of the descriptor that the database requires, in comparable form.
pub(super) async fn expected(tx: &mut Reading, key: &ObjectKey) -> Result<Option<Value>, Error> {
    let content = descriptor::required(tx, key).await?;
    Ok(normalized(key, content.as_ref()))
}
