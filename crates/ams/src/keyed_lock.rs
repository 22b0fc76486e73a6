//! One lock per key, acquired in the order of the requests.

use std::{
    collections::HashMap,
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures_util::FutureExt;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    task::unconstrained,
};

pub(crate) type Guard = OwnedMutexGuard<()>;

#[derive(Debug)]
pub(crate) struct KeyedLock<K>(Mutex<HashMap<K, Weak<AsyncMutex<()>>>>);

impl<K> Default for KeyedLock<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A position in the queue of a lock. Dropping it leaves the queue.
pub(crate) enum QueuedLock {
    Acquired(Guard),
    Waiting(Pin<Box<dyn Future<Output = Guard> + Send>>),
}

impl<K: Clone + Eq + Hash> KeyedLock<K> {
    /// Joins the queue at its end.
    pub(crate) fn queue(&self, key: &K) -> QueuedLock {
        // The first poll takes the position. It must not be put off because the task has used up
        // its budget.
        let mut acquired = Box::pin(unconstrained(self.lock_of(key).lock_owned()));
        match acquired.as_mut().now_or_never() {
            Some(guard) => QueuedLock::Acquired(guard),
            None => QueuedLock::Waiting(acquired),
        }
    }

    fn lock_of(&self, key: &K) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = locks.get(key).and_then(Weak::upgrade).unwrap_or_default();
        locks.insert(key.clone(), Arc::downgrade(&lock));
        lock
    }
}

impl QueuedLock {
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    pub(crate) async fn acquire(self) -> Guard {
        match self {
            Self::Acquired(guard) => guard,
            Self::Waiting(acquired) => acquired.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::mpsc, task::coop::has_budget_remaining};

    use super::*;

    #[tokio::test]
    async fn lock_is_acquired_at_once_by_a_task_without_budget() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..1000).for_each(|number| sender.send(number).unwrap());
        let locks = KeyedLock::default();
        while receiver.recv().now_or_never().is_some() {}
        assert!(!has_budget_remaining());
        assert!(!locks.queue(&"game").is_waiting());
    }

    #[tokio::test]
    async fn lock_is_acquired_in_the_order_of_requests_and_leaving_lets_none_pass() {
        let locks = KeyedLock::default();
        let first = locks.queue(&"game");
        let (second, third) = (locks.queue(&"game"), locks.queue(&"game"));
        assert!(!first.is_waiting() && second.is_waiting());
        drop(second);
        let third = tokio::spawn(third.acquire());
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        let fourth = locks.queue(&"game");
        drop(first);
        let third = third.await.unwrap();
        assert!(fourth.is_waiting());
        drop((third, fourth));
        assert!(!locks.queue(&"game").is_waiting());
        assert!(!locks.queue(&"other").is_waiting());
    }
}
