use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Folder,
    skip::{skip, tool},
};

/// The programs of a virtual environment with these packages, such as `tuspy==1.1.0`. It stays for later runs.
/// Without Python or a registry of packages the test is skipped.
pub fn python_environment(test: &str, name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = Folder::cached(&format!("python-{name}"));
    if let Err(reason) = install(folder.path(), packages) {
        skip(test, &reason);
        return None;
    }
    Some(folder.join("bin"))
}

fn install(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let installed = folder.join("installed");
    let wanted = packages.join("\n");
    if fs_err::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let python = tool("python3").ok_or("python3 is not installed")?;
    let mut venv = Command::new(python);
    run(venv.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(packages))?;
    fs_err::write(installed, wanted).map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(errors)
}
