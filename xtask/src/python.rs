//! Python tools, each set in a virtual environment of its own below the target folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::command::{run_quietly, target_dir};

/// Makes a virtual environment and calls `install` with the folder of its programs, which it returns.
/// An environment that was made from requirements files with the same content is used as it is.
pub(crate) fn environment(
    name: &str,
    requirements: &[PathBuf],
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = target_dir().join(name);
    let tools = folder.join("bin");
    let marker = folder.join("installed-requirements.txt");
    let contents: io::Result<String> = requirements.iter().map(fs::read_to_string).collect();
    let contents = contents?;
    let is_current = fs::read_to_string(&marker).is_ok_and(|installed| installed == contents);
    if !is_current || !tools.join("python").exists() {
        let mut venv = Command::new("python3");
        run_quietly(venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
        install(&tools)?;
        fs::write(marker, contents)?;
    }
    Ok(tools)
}

/// Installs what a requirements file names, with further options of pip.
pub(crate) fn pip_install(tools: &Path, options: &[&str], requirements: &Path) -> Result<()> {
    let mut pip = Command::new(tools.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    run_quietly(pip.args(options).arg("--requirement").arg(requirements))
}
