//! The control socket: a command notifies the running service of a change of the metadata.
//!
//! Commands write to the metadata directly, with or without a running service. After a write, a command sends
//! a line to the socket and waits for a line. By then the service has reloaded its state and closed the
//! connections of certificates that are no longer trusted. Only the user of the service can connect.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aar_daemon::serve::bind_unix;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::watch::Watch;

const REFRESH: &str = "refresh\n";
const DONE: &str = "done\n";
const FAILED: &str = "failed\n";
const UNKNOWN: &str = "unknown\n";

/// The longest request, in bytes.
const MAX_REQUEST: u64 = 64;

/// The time limit of a command for a response, and of the service for a request.
const TIME_LIMIT: Duration = Duration::from_secs(2);

fn path(base: &Path) -> PathBuf {
    base.join("run/control.socket")
}

/// Whether the service has applied a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notified {
    Applied,
    /// No service runs; the next one starts with the change.
    NotRunning,
    /// A service runs but does not respond; it detects the change later.
    NoResponse,
}

/// Notifies the service of a base folder of a change.
pub(crate) async fn notify(base: &Path) -> Notified {
    match timeout(TIME_LIMIT, request_refresh(&path(base))).await {
        Ok(Ok(())) => Notified::Applied,
        Ok(Err(error)) if is_not_running(&error) => Notified::NotRunning,
        Ok(Err(_)) | Err(_) => Notified::NoResponse,
    }
}

/// There is no socket, or one that a killed service has left.
fn is_not_running(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

async fn request_refresh(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(REFRESH.as_bytes()).await?;
    let mut response = String::new();
    BufReader::new(stream).read_line(&mut response).await?;
    if response == DONE {
        Ok(())
    } else {
        Err(io::Error::other("the service could not apply the change"))
    }
}

/// The listening side of the control socket.
#[derive(Debug)]
pub(super) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds the socket of a base folder, which the caller has locked.
    pub(super) fn open(base: &Path) -> io::Result<Self> {
        let path = path(base);
        let listener = bind_unix(&path, 0o600)?;
        Ok(Self { listener, path })
    }

    /// Answers commands, one after the other, until the service stops.
    pub(super) async fn serve(self, watch: Arc<Watch>, stop: CancellationToken) {
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            let Ok((stream, _)) = accepted else {
                // Most likely there are no free file descriptors: wait until some are closed.
                tokio::time::sleep(TIME_LIMIT).await;
                continue;
            };
            match timeout(TIME_LIMIT, respond(stream, &watch)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%error, "command disconnected"),
                Err(_) => debug!("command connected but sent no request"),
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // If it cannot be removed, the next start replaces it.
        let _ = fs_err::remove_file(&self.path);
    }
}

async fn respond(stream: UnixStream, watch: &Watch) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    (&mut stream)
        .take(MAX_REQUEST)
        .read_line(&mut request)
        .await?;
    let response = match request.as_str() {
        REFRESH if watch.refresh().await => DONE,
        REFRESH => FAILED,
        _ => UNKNOWN,
    };
    stream.get_mut().write_all(response.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn base() -> tempfile::TempDir {
        let base = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        fs_err::create_dir(base.path().join("run")).unwrap();
        base
    }

    #[tokio::test]
    async fn notification_without_a_service_reports_not_running() {
        let base = base();
        assert_eq!(notify(base.path()).await, Notified::NotRunning);
    }

    #[tokio::test]
    async fn stale_socket_reports_not_running_and_is_replaced() {
        let base = base();
        drop(UnixListener::bind(path(base.path())).unwrap());
        assert_eq!(notify(base.path()).await, Notified::NotRunning);
        ControlSocket::open(base.path()).unwrap();
    }

    #[tokio::test]
    async fn socket_is_private_and_removed_with_the_service() {
        let base = base();
        let control = ControlSocket::open(base.path()).unwrap();
        let mode = fs_err::metadata(path(base.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(control);
        assert!(!path(base.path()).exists());
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_service_is_waited_for_briefly() {
        let base = base();
        let _hanging = UnixListener::bind(path(base.path())).unwrap();
        assert_eq!(notify(base.path()).await, Notified::NoResponse);
    }
}
