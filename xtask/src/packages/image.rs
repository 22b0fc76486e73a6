//! The container image: its definition, and the part of the repository that its build can read.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::command::{cargo, root, run, run_quietly};

const DEFINITION: &str = "packaging/oci/Dockerfile";

pub(super) fn check(tools: &Path) -> Result<()> {
    run(Command::new(tools.join("hadolint"))
        .args(["--failure-threshold", "style", DEFINITION])
        .current_dir(root()))?;
    check_build_context()
}

/// Cargo builds nothing when a member of the workspace is missing, so the build context has to contain
/// every member.
fn check_build_context() -> Result<()> {
    let ignore_file = format!("{DEFINITION}.dockerignore");
    let patterns = fs::read_to_string(root().join(&ignore_file)).context(ignore_file)?;
    let context = tempfile::tempdir()?;
    for name in included(&patterns)? {
        symlink(root().join(name), context.path().join(name))?;
    }
    let metadata = ["metadata", "--no-deps", "--locked", "--format-version", "1"];
    run_quietly(cargo(&metadata).current_dir(context.path()))
}

/// The files and folders that an ignore file includes after excluding everything.
fn included(patterns: &str) -> Result<Vec<&str>> {
    let lines = patterns.strip_prefix("*\n").map(str::lines);
    let lines = lines.context("the first line of the ignore file is not *")?;
    lines
        .map(|line| line.strip_prefix('!').with_context(|| line.to_owned()))
        .collect()
}
