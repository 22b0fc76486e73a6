//! Work that must not stand in the way of others, or be cut by them.

use std::panic;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::Error;

/// Does blocking work on a thread for it.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    finish(spawn_blocking(work)).await
}

/// Does work of several steps in a task of its own, so that it comes to its end even when whoever
/// asked for it stops waiting.
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

/// A panic goes on in whoever waits; otherwise the runtime is ending.
pub(crate) fn stopped(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(reason) => panic::resume_unwind(reason),
        Err(_) => Error::Stopped,
    }
}
