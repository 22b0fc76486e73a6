//! `cargo xtask test`: every test of the repository.
//!
//! It needs Rust and a C compiler. A part whose server or tool is missing is skipped and named; where
//! `CI` is set, a skip is a failure.

mod bucket;
pub(crate) mod charms;
mod doc;
pub(crate) mod runner;
mod servers;

use anyhow::Result;

use self::runner::{Runner, TestTime};
use crate::{command, packages};

#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Run only one part
    #[arg(long, conflicts_with = "args")]
    only: Option<Part>,
    /// Passed on to the test runner, such as `-p aar-registry` or the start of a test's name
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// A part of the tests with tools of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Rust,
    /// The end-to-end suites that depend on the storage, with a bucket
    Bucket,
    Charms,
    Packages,
}

impl Args {
    fn includes(&self, part: Part) -> bool {
        match self.only {
            Some(only) => only == part,
            None => self.args.is_empty() || part == Part::Rust,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    // The end-to-end suites and the charms' tests run the built programs.
    command::build_programs()?;
    if args.includes(Part::Rust) {
        if args.args.is_empty() {
            rust()?;
        } else {
            Runner::detect().run(&args.args, &[])?;
        }
    }
    if args.includes(Part::Bucket) {
        bucket()?;
    }
    if args.includes(Part::Charms) {
        charms::test()?;
    }
    if args.includes(Part::Packages) {
        packages::test()?;
    }
    Ok(())
}

/// Builds all Rust tests.
pub(crate) fn build() -> Result<()> {
    Runner::detect().build()
}

/// All Rust tests; returns how long each took, where the runner measures that.
pub(crate) fn rust() -> Result<Vec<TestTime>> {
    let times = Runner::detect().run(&["--workspace", "--no-fail-fast"], &[])?;
    doc::test()?;
    Ok(times)
}

/// The end-to-end suites that depend on the storage, with a bucket.
pub(crate) fn bucket() -> Result<Vec<TestTime>> {
    bucket::test()
}
