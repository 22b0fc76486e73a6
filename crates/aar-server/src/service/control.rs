//! The control socket, by which commands tell the running service that they changed something.
//!
//! Commands work on the metadata directly, whether a service runs or not. One that has written
//! connects, sends a line, and reads a line: by then the service has re-read what it holds in
//! memory, and has cut the connections of whoever is no longer trusted. The folder and the socket
//! belong to the user that runs the service; nobody else can connect.

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

/// What a command asks, and what the service answers.
const REFRESH: &str = "refresh\n";
const DONE: &str = "done\n";
const FAILED: &str = "failed\n";
const UNKNOWN: &str = "unknown\n";

/// The longest request that is read.
const LONGEST: u64 = 64;

/// How long a command waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

fn path(base: &Path) -> PathBuf {
    base.join("run/control.socket")
}

/// What became of telling the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It has taken the change in.
    Done,
    /// None runs: the next one starts with the change.
    NotRunning,
    /// One runs, but did not answer; it notices the change by itself once it can.
    Silent,
}

/// Tells the service of a base folder that something was changed.
pub(crate) async fn tell(base: &Path) -> Told {
    match timeout(PATIENCE, ask(&path(base))).await {
        Ok(Ok(())) => Told::Done,
        Ok(Err(error)) if is_absence(&error) => Told::NotRunning,
        Ok(Err(_)) | Err(_) => Told::Silent,
    }
}

/// No socket, or one that a killed service has left behind.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

async fn ask(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(REFRESH.as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    if answer == DONE {
        Ok(())
    } else {
        Err(io::Error::other("the service did not do it"))
    }
}

/// The service's end of the socket.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Opens the socket of a base folder, which the caller has locked.
    pub(super) fn open(base: &Path) -> io::Result<Self> {
        let path = path(base);
        let listener = bind_unix(&path, 0o600)?;
        Ok(Self { listener, path })
    }

    /// Answers, one after the other, until the service stops.
    pub(super) async fn serve(self, watch: Arc<Watch>, stop: CancellationToken) {
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors, most likely: give others the time to close theirs.
                tokio::time::sleep(PATIENCE).await;
                continue;
            };
            match timeout(PATIENCE, answer(stream, &watch)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%error, "a command hung up"),
                Err(_) => debug!("a command connected and said nothing"),
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The next start removes what cannot be removed now.
        let _ = fs_err::remove_file(&self.path);
    }
}

async fn answer(stream: UnixStream, watch: &Watch) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    (&mut stream).take(LONGEST).read_line(&mut request).await?;
    let answer = match request.as_str() {
        REFRESH if watch.refresh().await => DONE,
        REFRESH => FAILED,
        _ => UNKNOWN,
    };
    stream.get_mut().write_all(answer.as_bytes()).await
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
    async fn where_no_service_runs_there_is_nobody_to_tell() {
        let base = base();
        assert_eq!(tell(base.path()).await, Told::NotRunning);
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_nobody_and_does_not_hinder_the_next_service() {
        let base = base();
        drop(UnixListener::bind(path(base.path())).unwrap());
        assert_eq!(tell(base.path()).await, Told::NotRunning);
        Control::open(base.path()).unwrap();
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only_and_goes_with_the_service() {
        let base = base();
        let control = Control::open(base.path()).unwrap();
        let mode = fs_err::metadata(path(base.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(control);
        assert!(!path(base.path()).exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_hangs_is_waited_for_a_moment_only() {
        let base = base();
        let _hanging = UnixListener::bind(path(base.path())).unwrap();
        assert_eq!(tell(base.path()).await, Told::Silent);
    }
}
