//! Python tools, each set in an environment of its own below the target folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::command::{quietly, run, target_dir};

/// An environment with what a requirements file asks for; returns the folder of its programs.
pub(crate) fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = target_dir().join(name);
    let tools = folder.join("bin");
    if !tools.join("pip").exists() {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
    }
    let mut install = Command::new(tools.join("pip"));
    quietly(
        install
            .args(["install", "--quiet", "--requirement"])
            .arg(requirements),
    )?;
    Ok(tools)
}
