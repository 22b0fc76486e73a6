//! The tools of users that tests run where they are installed.

use std::{io::Write as _, path::Path, process::Command};

/// Whether a tool is installed. The checks of every change install all of them.
pub(crate) fn has(tool: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{tool} is not installed; it is in the package {package}"
    );
    if !found {
        writeln!(std::io::stderr(), "SKIPPED: {tool} is not installed").unwrap();
    }
    found
}

/// Runs a command of the shell in a folder.
pub(crate) fn run(folder: &Path, command: &str) {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {errors}");
}
