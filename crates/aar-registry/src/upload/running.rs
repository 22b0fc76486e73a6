//! Whose turn it is to write to an upload.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use crate::{Error, UploadId};

/// How long the one before has for writing down how far it came.
const HANDOVER: Duration = Duration::from_secs(10);

/// The uploads that are being written to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Appends {
    running: Arc<Mutex<HashMap<UploadId, Slot>>>,
}

#[derive(Debug, Default)]
struct Slot {
    turn: Arc<AsyncMutex<()>>,
    /// Asks the newest of those who have or wait for the turn to give it up.
    stop: CancellationToken,
    /// How many have it or wait for it.
    interested: usize,
}

/// The right to write to an upload, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _guard: OwnedMutexGuard<()>,
    stop: CancellationToken,
    _interest: Interest,
}

impl Turn {
    /// Ends when somebody newer wants the turn.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Appends {
    /// Whether anybody is writing to the upload.
    pub(super) fn is_running(&self, id: UploadId) -> bool {
        self.lock().contains_key(&id)
    }

    /// Asks whoever is writing to end, and takes over.
    pub(super) async fn take(&self, id: UploadId) -> Result<Turn, Error> {
        let (turn, stop, interest) = self.register(id);
        let locked = Error::UploadLocked { id };
        let Ok(guard) = tokio::time::timeout(HANDOVER, turn.lock_owned()).await else {
            return Err(locked);
        };
        if stop.is_cancelled() {
            return Err(locked);
        }
        Ok(Turn {
            _guard: guard,
            stop,
            _interest: interest,
        })
    }

    fn register(&self, id: UploadId) -> (Arc<AsyncMutex<()>>, CancellationToken, Interest) {
        let mut running = self.lock();
        let slot = running.entry(id).or_default();
        slot.stop.cancel();
        slot.stop = CancellationToken::new();
        slot.interested += 1;
        let interest = Interest {
            appends: self.clone(),
            id,
        };
        (Arc::clone(&slot.turn), slot.stop.clone(), interest)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Slot>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who has the turn or waits for it.
#[derive(Debug)]
struct Interest {
    appends: Appends,
    id: UploadId,
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut running = self.appends.lock();
        if let Some(slot) = running.get_mut(&self.id) {
            slot.interested -= 1;
            if slot.interested == 0 {
                running.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> UploadId {
        "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10".parse().unwrap()
    }

    #[tokio::test]
    async fn a_newer_append_asks_the_older_to_end_and_waits_for_it() {
        let appends = Appends::default();
        let older = appends.take(id()).await.unwrap();
        assert!(!older.stop().is_cancelled());
        let newer = tokio::spawn({
            let appends = appends.clone();
            async move { appends.take(id()).await }
        });
        older.stop().cancelled().await;
        assert!(!newer.is_finished());
        drop(older);
        let newer = newer.await.unwrap().unwrap();
        assert!(!newer.stop().is_cancelled());
        drop(newer);
        assert!(!appends.is_running(id()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_append_that_does_not_end_keeps_its_turn() {
        let appends = Appends::default();
        let _older = appends.take(id()).await.unwrap();
        let refused = appends.take(id()).await.unwrap_err();
        assert!(matches!(refused, Error::UploadLocked { .. }));
    }

    #[tokio::test]
    async fn of_those_who_wait_the_newest_gets_the_turn() {
        let appends = Appends::default();
        let oldest = appends.take(id()).await.unwrap();
        let wait = || {
            let appends = appends.clone();
            tokio::spawn(async move { appends.take(id()).await })
        };
        let second = wait();
        tokio::task::yield_now().await;
        let third = wait();
        tokio::task::yield_now().await;
        drop(oldest);
        assert!(second.await.unwrap().is_err());
        assert!(third.await.unwrap().is_ok());
    }
}
