//! `cargo xtask generate`: the files below `docs/reference/` that are generated from code.

use std::{fs, process::Command};

use anyhow::{Result, bail};

use crate::command::{self, output, root, target_dir};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file in the repository differs
    #[arg(long)]
    pub(crate) check: bool,
}

/// A file, and the program and subcommand that print it.
const FILES: &[(&str, &str, &str)] = &[
    ("docs/reference/openapi.json", "aar", "openapi"),
    ("docs/reference/aar.md", "aar", "reference"),
    ("docs/reference/ams.md", "ams", "reference"),
    ("docs/reference/amc.md", "amc", "reference"),
    ("docs/reference/amc-config.md", "ams", "config-reference"),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    command::build_programs()?;
    let mut stale = Vec::new();
    for (file, program, subcommand) in FILES {
        let program = target_dir().join("debug").join(program);
        let new = output(Command::new(program).arg(subcommand))?;
        let path = root().join(file);
        if fs::read_to_string(&path).is_ok_and(|old| old == new) {
            continue;
        }
        if args.check {
            stale.push(*file);
        } else {
            fs::write(&path, new)?;
            println!("wrote {file}");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "these files are not up to date; run `cargo xtask generate` and commit them: {}",
        stale.join(", ")
    )
}
