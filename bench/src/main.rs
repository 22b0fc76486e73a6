//! Benchmarks of the programs beside alternatives such as nginx: `cargo xtask bench`.
//!
//! Every contender of a case gets the same files, certificates and TLS 1.3. After a warm-up they take contenders
//! (A B A B …). The report shows medians with the CPU time and the peak memory of each process. The programs
//! are release builds with their default configuration; the peers come from the packages of the
//! distribution.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "this program prints to a terminal"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark ends with the first failure"
)]

mod bench_registry;
mod cases;
mod catalogue;
mod instructions;
mod load;
mod machine;
mod peers;
mod plan;
mod report;
mod result;
mod sample;
mod usage;

use std::{path::PathBuf, process::Command};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::{cases::CASES, plan::Plan, report::Report};

#[derive(Parser)]
#[command(
    about = "Measures the programs beside alternatives such as nginx",
    after_help = "Examples:\n  cargo xtask bench --quick                  # does everything work?\n  cargo xtask bench --only download --save results.md",
    bin_name = "cargo xtask bench",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Run only this case; can be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Use small files and few rounds: checks that every case works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Also write the results to a file: .json for programs, .md for people
    #[arg(long, value_name = "FILE")]
    save: Vec<PathBuf>,
    /// List the cases
    #[arg(long)]
    list: bool,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Count the instructions of the hot paths and compare them with the baseline
    Instructions(instructions::Args),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(BenchCommand::Instructions(args)) = &cli.command {
        return instructions::run(args);
    }
    if cli.list {
        for case in CASES {
            println!("{:<14}{}", case.name, case.about);
        }
        return Ok(());
    }
    if let Some(unknown) = cli
        .only
        .iter()
        .find(|only| !CASES.iter().any(|c| c.name == **only))
    {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        bail!(
            "--only {unknown}: there is no such case; the cases are {}",
            names.join(", ")
        );
    }
    check_tools()?;
    let plan = if cli.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    let mut report = Report::new(&plan);
    for case in CASES {
        if cli.only.is_empty() || cli.only.iter().any(|only| only == case.name) {
            eprintln!("{}: {}", case.name, case.about);
            for comparison in (case.run)(&plan) {
                eprintln!("  {}", comparison.line());
                report.add(comparison);
            }
        }
    }
    println!("{}", report.table());
    for path in &cli.save {
        report.save(path)?;
    }
    Ok(())
}

/// Every case needs these tools; peers are optional.
fn check_tools() -> Result<()> {
    for tool in ["curl", "openssl", "tar", "zstd"] {
        if Command::new(tool).arg("--help").output().is_err() {
            bail!("{tool} is not installed, but the benchmark needs it");
        }
    }
    Ok(())
}
