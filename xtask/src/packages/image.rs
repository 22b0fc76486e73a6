//! The container image: its definition, and what of the repository its build gets to see.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::command::{cargo, quietly, root, run};

const DEFINITION: &str = "packaging/oci/Dockerfile";

pub(super) fn check(tools: &Path) -> Result<()> {
    run(Command::new(tools.join("hadolint"))
        .args(["--failure-threshold", "style", DEFINITION])
        .current_dir(root()))?;
    context_is_a_workspace()
}

/// A member that does not come through would keep cargo from building any other.
fn context_is_a_workspace() -> Result<()> {
    let ignored = format!("{DEFINITION}.dockerignore");
    let ignored = fs::read_to_string(root().join(&ignored)).context(ignored)?;
    let context = tempfile::tempdir()?;
    for name in let_through(&ignored)? {
        symlink(root().join(name), context.path().join(name))?;
    }
    let words = ["metadata", "--no-deps", "--locked", "--format-version", "1"];
    quietly(cargo(&words).current_dir(context.path()))
}

/// The files and folders that an ignore file names, which ignores all others.
fn let_through(ignored: &str) -> Result<Vec<&str>> {
    let names = ignored.strip_prefix("*\n").map(str::lines);
    let names = names.context("the first line of the ignore file is not *")?;
    names
        .map(|line| line.strip_prefix('!').with_context(|| line.to_owned()))
        .collect()
}
