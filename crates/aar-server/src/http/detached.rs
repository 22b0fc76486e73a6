use std::future::Future;

use aar_types::ErrorCode;
use tokio_util::task::TaskTracker;

use super::error::ApiError;

/// Tasks that run to completion even if the caller disconnects: its handler is dropped then, and a write
/// of several steps must not stop half-way. A service that stops waits for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct DetachedTasks(TaskTracker);

impl DetachedTasks {
    pub(crate) async fn run<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        match self.0.spawn(work).await {
            Ok(done) => done.map_err(Into::into),
            Err(panic) => Err(ApiError::failure(ErrorCode::Internal, panic)),
        }
    }

    /// Waits until all tasks have ended. No more may be started.
    pub(crate) async fn finish(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn task_continues_without_its_caller_and_is_waited_for() {
        let tasks = DetachedTasks::default();
        let (go, wait) = oneshot::channel::<()>();
        let (done, mut is_done) = oneshot::channel::<()>();
        let work = async move {
            let _ = wait.await;
            done.send(())
                .map_err(|()| ApiError::invalid("the test has ended"))
        };
        let call = tasks.run(work);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), call)
                .await
                .is_err()
        );
        assert!(is_done.try_recv().is_err());
        go.send(()).unwrap();
        tasks.finish().await;
        assert!(is_done.try_recv().is_ok());
    }
}
