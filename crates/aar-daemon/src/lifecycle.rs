//! Start and stop of a service.

use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after the second signal.
const KILLED: i32 = 130;

/// Reports when the service has to stop.
#[derive(Debug, Clone)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Handles SIGTERM and SIGINT from now on: the first starts draining, the second ends the process
    /// at once. SIGHUP is ignored: nothing can be reloaded, and it must not end a service whose terminal was
    /// closed, or that another tool wants to reload.
    pub fn install() -> io::Result<Self> {
        let term = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        let token = CancellationToken::new();
        tokio::spawn(ignore(hangup));
        tokio::spawn(watch(term, interrupt, token.clone()));
        Ok(Self { token })
    }

    /// Resolves when the service has to stop.
    pub async fn draining(&self) {
        self.token.cancelled().await;
    }

    /// Cancelled when the service has to stop. Cancelling it has the effect of a signal.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

async fn watch(mut term: Signal, mut interrupt: Signal, token: CancellationToken) {
    let name = next(&mut term, &mut interrupt).await;
    tracing::info!(signal = name, "stopping after the requests in flight");
    token.cancel();
    let name = next(&mut term, &mut interrupt).await;
    tracing::warn!(signal = name, "stopping at once");
    std::process::exit(KILLED);
}

async fn ignore(mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::info!(
            "SIGHUP has no effect: the log goes to standard error, and configuration is read at the start"
        );
    }
}

async fn next(term: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Raises the limit of open files to the maximum of the system. The usual limit is 1024; each connection
/// counts as a file, and thousands of clients may wait for changes.
pub fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, ?limit, "cannot raise the limit of open files");
    }
}

/// A core dump, and the memory that a debugger reads, would have private keys and passwords.
pub fn forbid_core_dumps() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "cannot turn off core dumps");
    }
}

/// Reports to the service manager, if there is one, that the service is ready.
pub fn notify_ready() {
    notify(NotifyState::Ready);
}

/// Reports to the service manager, if there is one, that the service stops.
pub fn notify_stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_not_dumpable() {
        forbid_core_dumps();
        let dumpable = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(dumpable, DumpableBehavior::NotDumpable);
    }

    #[test]
    fn limit_of_open_files_is_raised_to_the_maximum() {
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
