//! `cargo xtask bench`: measures the programs and their peers with `bench/`.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, cargo, target_dir};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to the benchmark, such as `--list`, `--only poll`, `--quick`, `--save results.md`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
}

/// The programs that the benchmark starts, and the benchmark.
const PACKAGES: [&str; 4] = ["aar-server", "ams", "amc", "bench"];

pub(crate) fn run(args: &Args) -> Result<()> {
    command::run(&mut build("release"))?;
    run_built("release", &args.args)
}

/// The command that builds the benchmark and the programs in a profile.
pub(crate) fn build(profile: &str) -> Command {
    let mut build = cargo(&["build", "--profile", profile]);
    for package in PACKAGES {
        build.args(["-p", package]);
    }
    build
}

pub(crate) fn run_built(profile: &str, args: &[String]) -> Result<()> {
    let programs = target_dir().join(profile);
    let mut bench = Command::new(programs.join("bench"));
    command::run(bench.args(args).env("AAR_TEST_BIN_DIR", programs))
}
