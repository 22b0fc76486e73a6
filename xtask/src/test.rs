//! `cargo xtask test`: every test there is, through one command.
//!
//! It needs Rust and a C compiler. A part whose server or tool is missing is skipped, loudly and by
//! name; where `CI` is set, a skip is a failure.

use anyhow::Result;

use crate::{
    bucket, charms,
    command::{self, cargo},
    packages,
};

/// Which tests to run.
#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Run one part alone
    #[arg(long, conflicts_with = "args")]
    only: Option<Part>,
    /// Passed on to `cargo test`, such as `-p aar-registry` or `-- gc`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// The parts, each with tools of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Rust,
    /// The end-to-end suites with storage on S3
    Bucket,
    Charms,
    Packages,
}

impl Args {
    fn wants(&self, part: Part) -> bool {
        match self.only {
            Some(only) => only == part,
            None => self.args.is_empty() || part == Part::Rust,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    // The end-to-end suites run the built programs, which `cargo test` alone would not refresh.
    command::build_programs()?;
    if args.wants(Part::Rust) {
        let whole: &[&str] = &["--workspace", "--no-fail-fast"];
        let scope = if args.args.is_empty() { whole } else { &[] };
        command::run(cargo(&["test"]).args(scope).args(&args.args))?;
    }
    if args.wants(Part::Bucket) {
        bucket::test()?;
    }
    if args.wants(Part::Charms) {
        charms::test()?;
    }
    if args.wants(Part::Packages) {
        packages::test()?;
    }
    Ok(())
}
