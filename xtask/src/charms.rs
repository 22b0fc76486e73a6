//! The charms' format, types and tests, in a Python environment of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    command::{quietly, root, run, target_dir},
    python,
    skip::skip,
};

/// Checks and tests the charms; skips them where Python or its packages cannot be had.
pub(crate) fn test() -> Result<()> {
    let charms = root().join("charms");
    match environment(&charms.join("tests")) {
        Ok(tools) => check(&charms, &tools),
        Err(reason) => skip("the charms", &reason),
    }
}

/// Besides what the requirements name, there are the libraries that charmcraft fetches for packing.
fn environment(tests: &Path) -> Result<PathBuf> {
    let tools = python::environment("charms-venv", &tests.join("requirements.txt"))?;
    quietly(
        Command::new(tools.join("pip"))
            .args(["install", "--quiet", "--no-deps", "--requirement"])
            .arg(tests.join("libraries.txt")),
    )?;
    quietly(Command::new(tools.join("python")).arg(tests.join("add_libraries.py")))?;
    Ok(tools)
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
