//! `cargo xtask instructions`: whether the hot paths take as many instructions as they did.
//!
//! `bench/src/instructions/` says how they are counted; `bench/instructions.json` keeps the counts.

use anyhow::Result;

use crate::bench;

/// What to do with what was counted.
#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Keep the new counts; fail nowhere
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut passed_on = vec!["instructions".to_owned()];
    passed_on.extend(args.write.then(|| "--write".to_owned()));
    bench::run(&bench::Args { args: passed_on })
}
