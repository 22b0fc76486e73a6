use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{SOON, eventually, watchdog::WatchedChild};

/// A program that runs until it is stopped, or dropped, or until the test process ends.
#[derive(Debug)]
pub struct Process {
    child: WatchedChild,
    log: PathBuf,
}

impl Process {
    /// Starts a program; its output is appended to the log.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let to = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap()
            .into_file();
        command
            .stdin(Stdio::null())
            .stdout(to.try_clone().unwrap())
            .stderr(to);
        let child = WatchedChild::spawn(command);
        Self {
            child: child.unwrap_or_else(|e| panic!("{command:?}: {e}")),
            log: log.to_owned(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The output of this process and of earlier ones with the same log.
    pub fn log(&self) -> String {
        let bytes = fs_err::read(&self.log).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Panics if the process has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the process ended with {status}; its log:\n{}", self.log());
        }
    }

    /// Sends SIGKILL, as sudden as a power failure.
    pub fn kill(&mut self) {
        self.child.kill_group();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGSTOP.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until the process ends.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the process ends", SOON, || self.child.try_wait().unwrap())
    }

    /// The largest resident set so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        peak_memory_of(self.child.id()).unwrap()
    }

    /// The number of open sockets.
    pub fn sockets(&self) -> usize {
        let descriptors = fs_err::read_dir(format!("/proc/{}/fd", self.id())).unwrap();
        let targets = descriptors.filter_map(|entry| fs_err::read_link(entry.ok()?.path()).ok());
        targets
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count()
    }

    /// The resident set, in bytes.
    pub fn memory(&self) -> u64 {
        memory_of(self.child.id(), "VmRSS:").unwrap()
    }
}

/// `VmHWM` of a running process, in bytes.
pub(crate) fn peak_memory_of(pid: u32) -> Option<u64> {
    memory_of(pid, "VmHWM:")
}

fn memory_of(pid: u32, key: &str) -> Option<u64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
