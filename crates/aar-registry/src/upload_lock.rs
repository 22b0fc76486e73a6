//! Locks an upload for one request at a time. A newer request asks the older one to end: usually the
//! connection of the older one is dead.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use crate::{Error, UploadId};

/// The time in which the older request must record its progress.
const HANDOVER: Duration = Duration::from_secs(10);

/// A lock for each upload.
#[derive(Debug, Clone, Default)]
pub(crate) struct UploadLocks {
    locks: Arc<Mutex<HashMap<UploadId, KeyedLock>>>,
}

#[derive(Debug, Default)]
struct KeyedLock {
    mutex: Arc<AsyncMutex<()>>,
    /// Cancelled when a newer request arrives than all that hold the lock or wait for it.
    superseded: CancellationToken,
    /// The number of requests that hold the lock or wait for it.
    users: usize,
}

/// The right to write to an upload.
#[derive(Debug)]
pub(crate) struct UploadLock {
    _guard: OwnedMutexGuard<()>,
    superseded: CancellationToken,
    _user: LockUser,
}

impl UploadLock {
    /// Cancelled when a newer request waits for the lock.
    pub(crate) fn superseded(&self) -> &CancellationToken {
        &self.superseded
    }
}

impl UploadLocks {
    pub(crate) fn is_locked(&self, id: UploadId) -> bool {
        self.lock().contains_key(&id)
    }

    /// Asks the request that holds the lock to end, and waits for it.
    pub(crate) async fn acquire(&self, id: UploadId) -> Result<UploadLock, Error> {
        let (mutex, superseded, user) = self.register(id);
        let locked = Error::UploadLocked { id };
        let Ok(guard) = tokio::time::timeout(HANDOVER, mutex.lock_owned()).await else {
            return Err(locked);
        };
        if superseded.is_cancelled() {
            return Err(locked);
        }
        Ok(UploadLock {
            _guard: guard,
            superseded,
            _user: user,
        })
    }

    fn register(&self, id: UploadId) -> (Arc<AsyncMutex<()>>, CancellationToken, LockUser) {
        let mut locks = self.lock();
        let lock = locks.entry(id).or_default();
        lock.superseded.cancel();
        lock.superseded = CancellationToken::new();
        lock.users += 1;
        let user = LockUser {
            locks: self.clone(),
            id,
        };
        (Arc::clone(&lock.mutex), lock.superseded.clone(), user)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, KeyedLock>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that holds the lock or waits for it.
#[derive(Debug)]
struct LockUser {
    locks: UploadLocks,
    id: UploadId,
}

impl Drop for LockUser {
    fn drop(&mut self) {
        let mut locks = self.locks.lock();
        if let Some(lock) = locks.get_mut(&self.id) {
            lock.users -= 1;
            if lock.users == 0 {
                locks.remove(&self.id);
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
    async fn newer_request_supersedes_the_older_and_waits_for_it() {
        let locks = UploadLocks::default();
        let older = locks.acquire(id()).await.unwrap();
        assert!(!older.superseded().is_cancelled());
        let newer = tokio::spawn({
            let locks = locks.clone();
            async move { locks.acquire(id()).await }
        });
        older.superseded().cancelled().await;
        assert!(!newer.is_finished());
        drop(older);
        let newer = newer.await.unwrap().unwrap();
        assert!(!newer.superseded().is_cancelled());
        drop(newer);
        assert!(!locks.is_locked(id()));
    }

    #[tokio::test(start_paused = true)]
    async fn older_request_that_does_not_end_keeps_the_lock() {
        let locks = UploadLocks::default();
        let _older = locks.acquire(id()).await.unwrap();
        let refused = locks.acquire(id()).await.unwrap_err();
        assert!(matches!(refused, Error::UploadLocked { .. }));
    }

    #[tokio::test]
    async fn newest_waiting_request_gets_the_lock() {
        let locks = UploadLocks::default();
        let oldest = locks.acquire(id()).await.unwrap();
        let wait = || {
            let locks = locks.clone();
            tokio::spawn(async move { locks.acquire(id()).await })
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
