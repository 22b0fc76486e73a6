use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Operations;
use crate::Error;

/// How often progress is told, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The wish that an operation stops, for tasks and for threads.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancel {
    token: CancellationToken,
    flag: Arc<AtomicBool>,
}

impl Cancel {
    pub(super) fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.token.cancel();
    }
}

/// What the work of an operation is given: a way to tell how far it is, and the wish of others
/// that it stops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    operations: Operations,
    id: Uuid,
    cancel: Cancel,
    told: Arc<Mutex<Option<Instant>>>,
}

impl Context {
    pub(super) fn new(operations: Operations, id: Uuid, cancel: Cancel) -> Self {
        Self {
            operations,
            id,
            cancel,
            told: Arc::default(),
        }
    }

    /// The id of the operation.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Resolves when the operation is to stop.
    pub async fn cancelled(&self) {
        self.cancel.token.cancelled().await;
    }

    /// Does work that can be dropped at any moment, until it is done or the operation is to stop.
    pub async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Error::Cancelled),
            done = work => done,
        }
    }

    /// Fails when the operation is to stop.
    pub fn go_on(&self) -> Result<(), Error> {
        if self.cancel.token.is_cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    /// The wish to stop, for work that runs on a thread of its own.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel.flag)
    }

    /// Tells how many bytes of about how many are done.
    pub fn progress(&self, done: u64, total: u64) {
        if self.is_time() || done == total {
            self.operations.update(self.id, |operation| {
                let progress = json!({"done": done, "total": total.max(done)});
                operation.metadata.insert("progress".to_owned(), progress);
            });
        }
    }

    fn is_time(&self) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|last| now.duration_since(last) >= PROGRESS_INTERVAL);
        if due {
            *told = Some(now);
        }
        due
    }
}
