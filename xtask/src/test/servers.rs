//! The servers that all test programs of a run share.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::command::target_dir;

const SOCKET: &str = "socket";

/// The program `test-servers`. It starts a server when the first test asks for it, and ends with all of
/// them when its standard input is closed.
pub(super) struct TestServers {
    process: Child,
    folder: TempDir,
}

impl TestServers {
    pub(super) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = target_dir().join("debug/test-servers");
        let process = Command::new(&program)
            .arg(folder.path().join(SOCKET))
            .stdin(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { process, folder })
    }

    /// A folder for files of this run.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Test programs connect to this socket and wait until it exists.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder().join(SOCKET)
    }
}

impl Drop for TestServers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
