use std::{
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{SOON, eventually};

/// A program that runs until it is told to stop, or until it is dropped.
///
/// It belongs to the process group of the test, so that Ctrl-C on a terminal ends it too.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says is added to the log.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let to = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap()
            .into_file();
        let child = command
            .stdin(Stdio::null())
            .stdout(to.try_clone().unwrap())
            .stderr(to)
            .spawn();
        Self {
            child: child.unwrap_or_else(|e| panic!("{command:?}: {e}")),
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has said, and its predecessors with the same log.
    pub fn log(&self) -> String {
        let bytes = fs_err::read(&self.log).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Panics if it has ended.
    pub fn insist(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("it ended with {status}; its log:\n{}", self.log());
        }
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Lets it stand still (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", SOON, || self.child.try_wait().unwrap())
    }

    /// The most memory it has held at any time, in bytes.
    pub fn peak_memory(&self) -> u64 {
        peak_memory_of(self.child.id()).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `VmHWM` of a process that still runs.
pub(crate) fn peak_memory_of(pid: u32) -> Option<u64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
