//! The charms' format, types and tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    command::{root, run, run_quietly, run_then_print, target_dir},
    python,
    skip::skip,
};

/// Checks and tests the charms; skips them where Python or the packages are not available.
pub(crate) fn test() -> Result<()> {
    test_with(run)
}

/// The same beside other work: each tool prints its output when it has ended.
pub(crate) fn test_in_background() -> Result<()> {
    test_with(run_then_print)
}

fn test_with(run: fn(&mut Command) -> Result<()>) -> Result<()> {
    match environment() {
        Ok(tools) => check(&root().join("charms"), &tools, run),
        Err(reason) => skip("the charms", &reason),
    }
}

/// The folder of the tools. Besides the requirements of the tests, the environment contains the
/// libraries that charmcraft fetches when it packs a charm.
pub(crate) fn environment() -> Result<PathBuf> {
    let charms = root().join("charms");
    let [tests, libraries, aar, ams] = [
        "tests/requirements.txt",
        "tests/libraries.txt",
        "aar/requirements.txt",
        "ams/requirements.txt",
    ]
    .map(|file| charms.join(file));
    let sources = [tests.clone(), libraries.clone(), aar, ams];
    python::environment("charms-venv", &sources, |tools| {
        python::pip_install(tools, &[], &tests)?;
        python::pip_install(tools, &["--no-deps"], &libraries)?;
        let mut script = Command::new(tools.join("python"));
        run_quietly(script.arg(charms.join("tests/add_libraries.py")))
    })
}

fn check(charms: &Path, tools: &Path, run: fn(&mut Command) -> Result<()>) -> Result<()> {
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
