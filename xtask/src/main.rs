//! Tasks of this repository: `cargo xtask demo`, `test`, `lint`, `ci`, …
//!
//! Each task is a module. It prints the commands it runs, so that each can be repeated by hand.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a task prints to the terminal"
)]

mod architecture;
mod arrows;
mod bench;
mod ci;
mod command;
mod demo;
mod generate;
mod instructions;
mod lint;
mod packages;
mod port;
mod python;
mod skip;
mod soak;
mod stages;
mod test;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tasks of this repository", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show an application travelling from a publisher to a client on this machine
    Demo(demo::Args),
    /// Run every test
    Test(test::Args),
    /// Repeat the tests with random input and random failures for as long as you want
    Soak(soak::Args),
    /// Check format, lints, documentation, dependencies, ARCHITECTURE.md and generated files
    Lint,
    /// Measure the programs and their peers
    Bench(bench::Args),
    /// Count the instructions of the hot paths and compare them with the recorded counts
    Instructions(instructions::Args),
    /// Run every check that a change has to pass
    Ci,
    /// Write the files that are generated from code: the `OpenAPI` document and the command references
    Generate(generate::Args),
    /// Build the Debian packages
    Package(packages::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Soak(args) => soak::run(&args),
        Task::Lint => lint::lint(),
        Task::Bench(args) => bench::run(&args),
        Task::Instructions(args) => instructions::run(&args),
        Task::Ci => ci::run(),
        Task::Generate(args) => generate::run(&args),
        Task::Package(args) => packages::package(&args),
    }
}
