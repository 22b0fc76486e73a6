//! Separate tasks and threads.

use std::panic;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::Error;

pub(crate) async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    finish(spawn_blocking(work)).await
}

/// Runs work in a separate task, which runs to completion even if the caller stops waiting.
pub(crate) async fn run_to_completion<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    finish(tokio::spawn(work)).await
}

async fn finish<T>(task: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    task.await.unwrap_or_else(|error| Err(stopped(error)))
}

/// Resumes a panic in the caller; otherwise the runtime is shutting down.
pub(crate) fn stopped(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(reason) => panic::resume_unwind(reason),
        Err(_) => Error::Stopped,
    }
}
