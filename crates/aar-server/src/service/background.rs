use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{control::Control, watch::Watch};

/// The tasks that keep a service in step while it answers requests. They go on while it drains: a
/// certificate that is revoked then is cut all the same.
pub(super) struct Background {
    tasks: TaskTracker,
    end: CancellationToken,
}

impl Background {
    /// Follows changes of trust, and answers commands that tell of them.
    pub(super) fn begin(watch: Watch, control: Control) -> Self {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let watch = Arc::new(watch);
        tasks.spawn(control.serve(Arc::clone(&watch), end.clone()));
        let until = end.clone();
        tasks.spawn(async move { watch.follow(until).await });
        Self { tasks, end }
    }

    /// Adds a task that ends by itself when the service is told to stop.
    pub(super) fn add(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Ends the tasks, and waits for them within a limit.
    pub(super) async fn end(self, limit: Duration) {
        self.end.cancel();
        self.tasks.close();
        if timeout(limit, self.tasks.wait()).await.is_err() {
            warn!("a task in the background does not end; it is dropped");
        }
    }
}
