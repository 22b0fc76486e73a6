use std::future::Future;

use aar_types::ErrorCode;
use tokio_util::task::TaskTracker;

use super::errors::ApiError;

/// Work that goes on when the caller hangs up: a handler is dropped with its connection, and a
/// write of several steps must not stop between two of them. The service waits for it when it
/// stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Completion(TaskTracker);

impl Completion {
    /// Runs work to its end, whatever becomes of the caller.
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

    /// Waits until nothing is left to do. No more may be begun.
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
    async fn work_goes_on_when_the_caller_hangs_up_and_is_waited_for() {
        let completion = Completion::default();
        let (go, wait) = oneshot::channel::<()>();
        let (done, mut seen) = oneshot::channel::<()>();
        let work = async move {
            let _ = wait.await;
            done.send(())
                .map_err(|()| ApiError::invalid("nobody waits"))
        };
        let call = completion.run(work);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), call)
                .await
                .is_err()
        );
        assert!(seen.try_recv().is_err());
        go.send(()).unwrap();
        completion.finish().await;
        assert!(seen.try_recv().is_ok());
    }
}
