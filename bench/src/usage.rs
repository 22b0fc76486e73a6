//! CPU time and memory of processes, as the kernel counts them.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::Serialize;

/// How often the memory of a command is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The resources that a process and its children used.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Usage {
    pub(crate) process: String,
    /// In user and kernel mode.
    pub(crate) cpu_seconds: f64,
    /// The largest resident set of one of them since its start, in bytes.
    pub(crate) peak_memory: u64,
}

/// Measures what a running process uses from now on.
pub(crate) struct Meter {
    process: String,
    id: u32,
    before: f64,
}

impl Meter {
    pub(crate) fn start(process: &str, id: u32) -> Self {
        Self {
            process: process.to_owned(),
            id,
            before: cpu(id),
        }
    }

    pub(crate) fn read(&self) -> Usage {
        Usage {
            process: self.process.clone(),
            cpu_seconds: cpu(self.id) - self.before,
            peak_memory: family(self.id).into_iter().map(peak).max().unwrap_or(0),
        }
    }
}

/// A command that has succeeded.
pub(crate) struct FinishedCommand {
    pub(crate) wall: Duration,
    pub(crate) usage: Usage,
    pub(crate) stdout: String,
}

pub(crate) fn run(process: &str, command: &mut Command) -> FinishedCommand {
    let start = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let out = read_on_a_thread(child.stdout.take().unwrap());
    let err = read_on_a_thread(child.stderr.take().unwrap());
    let id = child.id();
    let (has_ended, peak_memory) = (AtomicBool::new(false), AtomicU64::new(0));
    let wall = thread::scope(|scope| {
        scope.spawn(|| watch(id, &has_ended, &peak_memory));
        wait(&child);
        has_ended.store(true, Ordering::Relaxed);
        start.elapsed()
    });
    let cpu_seconds = own_cpu(child.id());
    let status = child.wait().unwrap();
    let (stdout, stderr) = (out.join().unwrap(), err.join().unwrap());
    assert!(status.success(), "{command:?}: {status}: {stdout}{stderr}");
    FinishedCommand {
        wall,
        usage: Usage {
            process: process.to_owned(),
            cpu_seconds,
            peak_memory: peak_memory.into_inner(),
        },
        stdout,
    }
}

fn read_on_a_thread(mut from: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end of a process without reaping it, so that its CPU time can still be read.
fn wait(child: &Child) {
    let id = Pid::from_raw(child.id().cast_signed()).unwrap();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(id), options).unwrap();
}

/// Polls the largest resident set of a process and its children.
fn watch(id: u32, has_ended: &AtomicBool, max: &AtomicU64) {
    while !has_ended.load(Ordering::Relaxed) {
        let now = family(id).into_iter().map(peak).max();
        max.fetch_max(now.unwrap_or(0), Ordering::Relaxed);
        thread::sleep(POLL_INTERVAL);
    }
}

/// A process and all its descendants.
fn family(id: u32) -> Vec<u32> {
    let mut all = vec![id];
    let mut next = 0;
    while next < all.len() {
        let path = format!("/proc/{0}/task/{0}/children", all[next]);
        let children = fs_err::read_to_string(path).unwrap_or_default();
        all.extend(
            children
                .split_whitespace()
                .map(|id| id.parse::<u32>().unwrap()),
        );
        next += 1;
    }
    all
}

fn cpu(id: u32) -> f64 {
    family(id).into_iter().map(own_cpu).sum()
}

/// User and system time of a process and of its children that have ended: four fields of `/proc/<pid>/stat`
/// after the name of the program, which is in brackets.
#[expect(clippy::cast_precision_loss, reason = "numbers of ticks are small")]
fn own_cpu(id: u32) -> f64 {
    let stat = fs_err::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn peak(id: u32) -> u64 {
    memory(id, "VmHWM:")
}

/// The resident set of a process now, in bytes.
pub(crate) fn resident(id: u32) -> u64 {
    memory(id, "VmRSS:")
}

fn memory(id: u32, field: &str) -> u64 {
    let status = fs_err::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |kib| kib.parse::<u64>().unwrap() * 1024)
}
