//! `cargo xtask soak`: repeats the tests with random input and random failures.
//!
//! Such a test is in a module `soak` and takes its rounds from `aar_testkit::soak_rounds`, or it is a fuzz
//! target: in a module `fuzz`, with `aar_testkit::fuzz!`. In `cargo xtask test` it runs a few rounds; here
//! all of them run side by side until the time is over.

use std::hash::{BuildHasher, RandomState};

use anyhow::Result;

use crate::{
    command,
    test::runner::{Runner, TestTime},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to run
    #[arg(long, default_value_t = 60, value_name = "N")]
    minutes: u64,
    /// The seed of the first round, to repeat a run
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    command::build_programs()?;
    let seed = args.seed.unwrap_or_else(random_seed);
    soak(args.minutes, seed).map(drop)
}

/// A short share for CI. Its seed is fixed, so that a change fails only because of what it changes.
pub(crate) fn check() -> Result<Vec<TestTime>> {
    soak(1, 1)
}

fn soak(minutes: u64, seed: u64) -> Result<Vec<TestTime>> {
    eprintln!("Repeat this run with: cargo xtask soak --minutes {minutes} --seed {seed}");
    let runner = Runner::detect();
    let selection: &[&str] = match runner {
        Runner::Nextest => &[
            "--workspace",
            "--no-fail-fast",
            "-E",
            "test(/(^|::)(soak|fuzz)::/)",
        ],
        Runner::CargoTest => &["--workspace", "--no-fail-fast", "--", "soak::", "fuzz::"],
    };
    let environment = [
        ("AAR_TEST_SOAK_SECONDS", &*(minutes * 60).to_string()),
        ("AAR_TEST_SOAK_SEED", &*seed.to_string()),
    ];
    runner.run(selection, &environment)
}

/// Short enough to be typed.
fn random_seed() -> u64 {
    RandomState::new().hash_one(()) % 1_000_000
}
