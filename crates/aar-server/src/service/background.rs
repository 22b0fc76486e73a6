use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{control::ControlSocket, watch::Watch};

/// The background tasks of the service. They continue while it drains, so that the connections of a
/// certificate that is revoked then are closed, too.
pub(super) struct Background {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    /// Starts to watch for changes and to answer commands on the control socket.
    pub(super) fn start(watch: Watch, control: ControlSocket) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let watch = Arc::new(watch);
        tasks.spawn(control.serve(Arc::clone(&watch), stop.clone()));
        let stopped = stop.clone();
        tasks.spawn(async move { watch.run(stopped).await });
        Self { tasks, stop }
    }

    /// Adds a task that ends when the service drains.
    pub(super) fn add(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Adds a task that goes on while the service drains, until the token that it gets is cancelled.
    pub(super) fn add_until_stop<F>(&self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    /// Stops the tasks and waits for them, for `limit` at most.
    pub(super) async fn stop(self, limit: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(limit, self.tasks.wait()).await.is_err() {
            warn!("a background task did not end within the limit and is dropped");
        }
    }
}
