//! The charms' format, types and tests, in a Python environment of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::command::{quietly, root, run, target_dir};

/// Checks and tests the charms; skips them, loudly, where Python or its packages cannot be had.
pub(crate) fn test() -> Result<()> {
    let charms = root().join("charms");
    match environment(&charms) {
        Ok(tools) => check(&charms, &tools),
        Err(reason) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: the charms: {reason:#}");
            Ok(())
        }
        Err(reason) => bail!("the charms cannot be tested: {reason:#}"),
    }
}

fn check(charms: &Path, tools: &Path) -> Result<()> {
    run(tool(charms, tools, "ruff").args(["format", "--check", "."]))?;
    run(tool(charms, tools, "ruff").args(["check", "."]))?;
    run(tool(charms, tools, "pyright")
        .arg("--pythonpath")
        .arg(tools.join("python")))?;
    run(tool(charms, tools, "pytest")
        .arg("-q")
        .env("AAR_PROGRAMS", target_dir().join("debug")))
}

fn tool(charms: &Path, tools: &Path, name: &str) -> Command {
    let mut command = Command::new(tools.join(name));
    command.current_dir(charms);
    command
}

/// A virtual environment with what `charms/tests/requirements.txt` asks for; returns its programs.
fn environment(charms: &Path) -> Result<PathBuf> {
    let folder = target_dir().join("charms-venv");
    let tools = folder.join("bin");
    if !tools.join("pip").exists() {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
    }
    let requirements = charms.join("tests/requirements.txt");
    let mut install = Command::new(tools.join("pip"));
    quietly(
        install
            .args(["install", "--quiet", "--requirement"])
            .arg(requirements),
    )?;
    Ok(tools)
}
