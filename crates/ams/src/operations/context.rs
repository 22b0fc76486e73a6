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

/// The least time between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Cancels both tasks, by the token, and threads, by the flag.
#[derive(Debug, Clone, Default)]
pub(super) struct CancelSignal {
    token: CancellationToken,
    flag: Arc<AtomicBool>,
}

impl CancelSignal {
    pub(super) fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.token.cancel();
    }
}

/// Lets the work of an operation report progress and find out that it was cancelled. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct OperationContext {
    operations: Operations,
    id: Uuid,
    cancel: CancelSignal,
    last_progress: Arc<Mutex<Option<Instant>>>,
}

impl OperationContext {
    pub(super) fn new(operations: Operations, id: Uuid, cancel: CancelSignal) -> Self {
        Self {
            operations,
            id,
            cancel,
            last_progress: Arc::default(),
        }
    }

    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Waits until the operation is cancelled.
    pub async fn cancelled(&self) {
        self.cancel.token.cancelled().await;
    }

    /// Awaits work that can be dropped at any await point; drops it when the operation is
    /// cancelled.
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

    /// Fails if the operation is cancelled.
    pub fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancel.token.is_cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    /// Set when the operation is cancelled, for work on threads.
    pub(crate) fn cancel_flag(&self) -> &AtomicBool {
        &self.cancel.flag
    }

    /// Reports progress in bytes. `total` may be an estimate.
    pub fn progress(&self, done: u64, total: u64) {
        if self.is_report_due() || done == total {
            self.operations.update(self.id, |operation| {
                let progress = json!({"done": done, "total": total.max(done)});
                operation.metadata.insert("progress".to_owned(), progress);
            });
        }
    }

    /// Shows warnings to clients that follow the operation.
    pub fn warn(&self, warnings: &[String]) {
        if !warnings.is_empty() {
            self.operations.update(self.id, |operation| {
                let metadata = &mut operation.metadata;
                metadata.insert("warnings".to_owned(), json!(warnings));
            });
        }
    }

    fn is_report_due(&self) -> bool {
        let now = Instant::now();
        let last = self.last_progress.lock();
        let mut last = last.unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.duration_since(last) >= PROGRESS_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}
