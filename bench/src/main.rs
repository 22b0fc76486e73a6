//! How fast the programs do what they exist for, beside what one would take instead: `cargo xtask
//! bench`.
//!
//! Every case gives each side the same files, certificates and TLS 1.3, lets them take turns
//! (A B A B …) after a warm-up, and prints medians with the CPU time and the peak memory of each
//! process. What is measured are the release builds of the programs, started as anybody would
//! start them; the peers come from the distribution's packages.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it talks to a terminal"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark ends where something does not work"
)]

mod cases;
mod catalogue;
mod instructions;
mod load;
mod machine;
mod peers;
mod report;
mod rounds;
mod row;
mod sample;
mod site;
mod usage;

use std::{path::PathBuf, process::Command};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::{cases::CASES, report::Report, rounds::Plan};

#[derive(Parser)]
#[command(
    about = "Measures the programs beside their peers",
    bin_name = "cargo xtask bench",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// Run this case only; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Smaller files and fewer rounds: shows that everything works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Write the results to a file, too: .json for programs, .md for people
    #[arg(long, value_name = "FILE")]
    save: Vec<PathBuf>,
    /// List the cases
    #[arg(long)]
    list: bool,
}

#[derive(Subcommand)]
enum Instead {
    /// Count the instructions of the hot paths and compare them with those kept
    Instructions(instructions::Args),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(Instead::Instructions(args)) = &cli.instead {
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
            "--only {unknown}: no such case; there are {}",
            names.join(", ")
        );
    }
    insist_on_tools()?;
    let plan = if cli.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    let mut report = Report::new(&plan);
    for case in CASES {
        if cli.only.is_empty() || cli.only.iter().any(|only| only == case.name) {
            eprintln!("{}: {}", case.name, case.about);
            for row in (case.run)(&plan) {
                eprintln!("  {}", row.line());
                report.add(row);
            }
        }
    }
    println!("{}", report.table());
    for path in &cli.save {
        report.save(path)?;
    }
    Ok(())
}

/// Without peers a case has less to compare; without these there is no case.
fn insist_on_tools() -> Result<()> {
    for tool in ["curl", "openssl", "tar", "zstd"] {
        if Command::new(tool).arg("--help").output().is_err() {
            bail!("{tool} is not installed; the benchmark cannot do without it");
        }
    }
    Ok(())
}
