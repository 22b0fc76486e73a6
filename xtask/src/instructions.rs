//! `cargo xtask instructions`: compares the instructions of the hot paths with the recorded counts.
//!
//! `bench/src/instructions/` says how they are counted; `bench/instructions.json` records the counts.

use anyhow::Result;

use crate::{bench, command};

/// The counts depend on the profile, so every run uses the same one. It is optimised but for
/// link-time optimisation, which takes minutes and hardly changes the counts.
pub(crate) const PROFILE: &str = "optimized";

#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Record the new counts instead of failing
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    command::run(&mut bench::build(PROFILE))?;
    let mut bench_args = vec!["instructions".to_owned()];
    bench_args.extend(args.write.then(|| "--write".to_owned()));
    bench::run_built(PROFILE, &bench_args)
}
