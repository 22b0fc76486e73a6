//! The stages of `cargo xtask ci`, and how long each takes.

use std::{
    fmt, fs,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use crate::test::runner::TestTime;

const SLOWEST_TESTS: usize = 20;

pub(crate) struct Stages {
    start: Instant,
    finished: Vec<Stage>,
    tests: Vec<TestTime>,
}

struct Stage {
    name: &'static str,
    duration: Duration,
    /// The share of the cores' time that this machine was not idle.
    load: Option<f64>,
}

/// Work that runs beside the stages and prints nothing until it fails.
pub(crate) struct Background {
    name: &'static str,
    thread: JoinHandle<Result<()>>,
}

impl Stages {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            finished: Vec::new(),
            tests: Vec::new(),
        }
    }

    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        eprintln!("\n== {name}");
        let (start, cpu) = (Instant::now(), CpuTime::now());
        let result = work();
        self.finished.push(Stage {
            name,
            duration: start.elapsed(),
            load: cpu.and_then(CpuTime::load_since),
        });
        result.with_context(|| format!("stage `{name}` failed"))
    }

    /// A stage that runs tests.
    pub(crate) fn run_tests(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Vec<TestTime>>,
    ) -> Result<()> {
        let times = self.run(name, work)?;
        self.tests.extend(times);
        Ok(())
    }

    /// Starts work beside the stages.
    pub(crate) fn spawn(
        name: &'static str,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Background {
        let thread = thread::spawn(work);
        Background { name, thread }
    }

    /// Waits for background work; the wait is a stage.
    pub(crate) fn join(&mut self, background: Background) -> Result<()> {
        self.run(background.name, || {
            let result = background.thread.join();
            result.map_err(|_| anyhow!("the thread panicked"))?
        })
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>7}  {:>4}  stage", "time", "load")?;
        for stage in &self.finished {
            let load = stage
                .load
                .map_or_else(String::new, |load| format!("{:.0}%", load * 100.0));
            writeln!(
                f,
                "{:>7}  {load:>4}  {}",
                minutes(stage.duration),
                stage.name
            )?;
        }
        writeln!(f, "{:>7}        total", minutes(self.start.elapsed()))?;
        if self.tests.is_empty() {
            return Ok(());
        }
        let mut slowest: Vec<_> = self.tests.iter().collect();
        slowest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        writeln!(f, "\nThe slowest of {} tests:", slowest.len())?;
        for test in slowest.iter().take(SLOWEST_TESTS) {
            writeln!(f, "{:>6.1}s  {}", test.seconds, test.name)?;
        }
        Ok(())
    }
}

fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Time that all cores together have spent, in ticks.
struct CpuTime {
    total: u64,
    idle: u64,
}

impl CpuTime {
    /// `None` where the system has no `/proc/stat`.
    fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        // user nice system idle iowait irq softirq steal
        let fields = stat.lines().next()?.split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = fields.map(|field| field.parse().unwrap_or(0)).collect();
        Some(Self {
            total: ticks.iter().sum(),
            idle: ticks.get(3)? + ticks.get(4)?,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of two digits is printed"
    )]
    fn load_since(self) -> Option<f64> {
        let now = Self::now()?;
        let total = now
            .total
            .checked_sub(self.total)
            .filter(|total| *total > 0)?;
        let idle = now.idle.saturating_sub(self.idle);
        Some(1.0 - idle as f64 / total as f64)
    }
}
