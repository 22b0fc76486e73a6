use std::{
    fmt::Write,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A user with an empty home folder.
pub(crate) struct TestUser {
    home: TempDir,
}

/// The result of one run of `amc`.
pub(crate) struct AmcRun {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestUser {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs `amc`. The home folder is shown as `~`, so that outputs can be compared.
    pub(crate) fn amc(&self, arguments: &[&str]) -> AmcRun {
        let output = Command::new(env!("CARGO_BIN_EXE_amc"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("AMS_BASE_DIR", self.home().join("ams"))
            .current_dir(self.home())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        AmcRun {
            code: output.status.code(),
            stdout: self.shown(&output.stdout),
            stderr: self.shown(&output.stderr),
        }
    }

    fn shown(&self, output: &[u8]) -> String {
        let home = self.home().to_str().unwrap();
        String::from_utf8_lossy(output).replace(home, "~")
    }
}

impl AmcRun {
    /// Exit code and output in one text.
    pub(crate) fn transcript(&self) -> String {
        let mut text = format!("exit code: {}\n", self.code.unwrap_or(-1));
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                write!(text, "----- {name} -----\n{stream}").unwrap();
            }
        }
        text
    }
}
