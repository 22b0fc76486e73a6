//! How a service starts and stops.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How the process ends when it is told to stop a second time.
const KILLED: i32 = 130;

/// Tells when the service is to stop.
#[derive(Debug, Clone)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on. The first begins to drain, the second ends the
    /// process at once.
    pub fn install() -> io::Result<Self> {
        let term = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let token = CancellationToken::new();
        tokio::spawn(watch(term, interrupt, token.clone()));
        Ok(Self { token })
    }

    /// Resolves when the service is to stop.
    pub async fn draining(&self) {
        self.token.cancelled().await;
    }

    /// Cancelled when the service is to stop. Cancelling it begins to drain as a signal does.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

async fn watch(mut term: Signal, mut interrupt: Signal, token: CancellationToken) {
    let name = next(&mut term, &mut interrupt).await;
    tracing::info!(
        signal = name,
        "stopping: requests under way are finished first"
    );
    token.cancel();
    let name = next(&mut term, &mut interrupt).await;
    tracing::warn!(signal = name, "stopping at once");
    std::process::exit(KILLED);
}

async fn next(term: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Raises the number of files that may be open as far as the system allows. What starts a service
/// often begins with 1024; each connection is one, and thousands may wait for changes.
pub fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, ?limit, "the number of open files cannot be raised");
    }
}

/// Tells the service manager, where there is one, that the service can be used.
pub fn notify_ready() {
    notify(NotifyState::Ready);
}

/// Tells the service manager, where there is one, that the service is about to stop.
pub fn notify_stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_system_allows() {
        let before = getrlimit(Resource::Nofile);
        let low = Rlimit {
            current: Some(256),
            ..before
        };
        setrlimit(Resource::Nofile, low).unwrap();
        allow_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
