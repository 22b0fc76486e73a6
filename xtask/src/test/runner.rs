//! Runs Rust tests with `cargo nextest` where it is installed, otherwise with `cargo test`.
//!
//! nextest runs the tests of all programs side by side and measures each. `cargo test` needs nothing
//! but Rust, and runs one program after the other.

use std::{ffi::OsStr, fs, process::Stdio, thread};

use anyhow::{Context, Result};

use super::servers::TestServers;
use crate::command::{cargo, root, run, target_dir};

/// Most tests wait for programs, time-outs and retries, so more of them run at once than there are
/// cores.
const TESTS_PER_CORE: usize = 4;
/// nextest writes there whatever the target folder of cargo is.
const REPORT: &str = "target/nextest/default/junit.xml";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Nextest,
    CargoTest,
}

/// How long a test took.
#[derive(Debug, PartialEq)]
pub(crate) struct TestTime {
    pub(crate) seconds: f64,
    pub(crate) name: String,
}

impl Runner {
    pub(crate) fn detect() -> Self {
        let version = cargo(&["nextest", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if version.is_ok_and(|status| status.success()) {
            Self::Nextest
        } else {
            eprintln!("cargo-nextest is not installed: `cargo test` runs the programs one by one");
            Self::CargoTest
        }
    }

    /// Builds all tests without running them.
    pub(crate) fn build(self) -> Result<()> {
        let args: &[&str] = match self {
            Self::Nextest => &[
                "nextest",
                "list",
                "--workspace",
                "--list-type",
                "binaries-only",
            ],
            Self::CargoTest => &["test", "--workspace", "--no-run"],
        };
        run(&mut cargo(args))
    }

    /// Runs the tests that the arguments select. The programs have to be built already.
    pub(crate) fn run<A: AsRef<OsStr>>(
        self,
        selection: &[A],
        environment: &[(&str, &str)],
    ) -> Result<Vec<TestTime>> {
        let servers = TestServers::start()?;
        let tests_at_once = thread::available_parallelism()?.get() * TESTS_PER_CORE;
        let mut command = match self {
            Self::Nextest => cargo(&["nextest", "run"]),
            Self::CargoTest => cargo(&["test"]),
        };
        command
            .args(selection)
            .envs(environment.iter().copied())
            .env("AAR_TEST_BIN_DIR", target_dir().join("debug"))
            .env("AAR_TEST_SERVERS", servers.socket())
            .env("NEXTEST_TEST_THREADS", tests_at_once.to_string())
            .env("RUST_TEST_THREADS", tests_at_once.to_string());
        let skipped = servers.folder().join("skipped");
        command.env("AAR_TEST_SKIPPED", &skipped);
        let report = root().join(REPORT);
        let _ = fs::remove_file(&report);
        let result = run(&mut command);
        // The tests that were skipped; without the file there are none.
        eprint!("{}", fs::read_to_string(skipped).unwrap_or_default());
        result?;
        match self {
            Self::Nextest => {
                let report = fs::read_to_string(report).context("nextest wrote no report")?;
                Ok(test_times(&report))
            }
            Self::CargoTest => Ok(Vec::new()),
        }
    }
}

/// The times in a `JUnit` report of nextest.
fn test_times(report: &str) -> Vec<TestTime> {
    let cases = report.split("<testcase ").skip(1);
    let times = cases.filter_map(|case| {
        let (attributes, _) = case.split_once('>')?;
        let attribute = |name: &str| {
            let (_, value) = attributes.split_once(&format!("{name}=\""))?;
            value.split('"').next()
        };
        // `name` is part of `classname`, which comes later.
        let (name, program) = (attribute("name")?, attribute("classname")?);
        Some(TestTime {
            seconds: attribute("time")?.parse().ok()?,
            name: format!("{program} {name}"),
        })
    });
    times.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_times_of_a_report_have_program_and_name() {
        let report = r#"<testsuites><testsuite name="aar-types" tests="2">
            <testcase name="digest::digest_is_parsed" classname="aar-types" timestamp="2026-11-30T22:00:00.000+00:00" time="0.012">
            </testcase>
            <testcase name="crash" classname="e2e::e2e" timestamp="2026-11-30T22:00:00.000+00:00" time="12.5"/>
            </testsuite></testsuites>"#;
        let time = |seconds, name: &str| TestTime {
            seconds,
            name: name.to_owned(),
        };
        assert_eq!(
            test_times(report),
            [
                time(0.012, "aar-types digest::digest_is_parsed"),
                time(12.5, "e2e::e2e crash")
            ]
        );
    }
}
