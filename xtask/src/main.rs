//! The chores of this repository: `cargo xtask demo`, `test`, `bench`, `ci`, …
//!
//! Each chore is a file; each prints the commands it runs, so that a single one can be repeated by
//! hand.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a chore talks to a terminal"
)]

mod bench;
mod bucket;
mod charms;
mod ci;
mod command;
mod demo;
mod generate;
mod instructions;
mod packages;
mod python;
mod skip;
mod test;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The chores of this repository", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Show the main job on this machine: an application travels from a publisher to a client
    Demo(demo::Args),
    /// Run every test
    Test(test::Args),
    /// Measure the programs beside their peers
    Bench(bench::Args),
    /// Count the instructions of the hot paths and compare them with those kept
    Instructions(instructions::Args),
    /// Run what a change has to pass: format, lints, docs, dependency rule, generated files, tests
    Ci,
    /// Write the files that are made from code: the OpenAPI document and the command references
    Generate(generate::Args),
    /// Build the Debian packages, with cargo-deb
    Package(packages::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Demo(args) => demo::run(&args),
        Chore::Test(args) => test::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Instructions(args) => instructions::run(&args),
        Chore::Ci => ci::all(),
        Chore::Generate(args) => generate::run(&args),
        Chore::Package(args) => packages::package(&args),
    }
}
