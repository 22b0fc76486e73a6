//! `cargo xtask bench`: the release builds of the programs beside their peers, measured by `bench/`.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, cargo, target_dir};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on, such as `--list`, `--only poll`, `--quick`, `--save results.md`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut build = cargo(&["build", "--release"]);
    for package in ["aar-server", "ams", "amc", "bench"] {
        build.args(["-p", package]);
    }
    command::run(&mut build)?;
    let programs = target_dir().join("release");
    let mut bench = Command::new(programs.join("bench"));
    command::run(bench.args(&args.args).env("AAR_TEST_BIN_DIR", programs))
}
