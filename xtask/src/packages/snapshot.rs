//! What packages change on a machine: installed packages, users, groups and the names of files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::command::output;

/// Where the packages, and the tools that their scripts call, put files.
const FOLDERS: [&str; 7] = [
    "/etc",
    "/usr/bin",
    "/usr/lib/systemd",
    "/usr/share/bash-completion",
    "/usr/share/fish",
    "/usr/share/zsh",
    "/var/lib/systemd",
];

/// One look at the machine.
pub(super) struct Snapshot(BTreeSet<String>);

impl Snapshot {
    pub(super) fn take() -> Result<Self> {
        let mut facts = BTreeSet::new();
        let query = ["--show", "--showformat=package ${Package} ${Status}\\n"];
        let packages = output(Command::new("dpkg-query").args(query))?;
        facts.extend(packages.lines().map(str::to_owned));
        for list in ["/etc/passwd", "/etc/group"] {
            let entries = fs::read_to_string(list)?;
            facts.extend(entries.lines().map(|entry| format!("{list}: {entry}")));
        }
        for folder in FOLDERS.map(PathBuf::from) {
            names(&folder, &mut facts)?;
        }
        for entry in fs::read_dir("/var/lib")? {
            facts.insert(entry?.path().display().to_string());
        }
        Ok(Self(facts))
    }

    /// Fails with what is there now and was not, or was and is not.
    pub(super) fn expect_unchanged(&self) -> Result<()> {
        let now = Self::take()?;
        let changed: Vec<_> = self.0.symmetric_difference(&now.0).collect();
        ensure!(changed.is_empty(), "the machine has changed: {changed:#?}");
        Ok(())
    }
}

/// The tools that add users leave the former lists of them beside the present ones.
fn names(folder: &Path, facts: &mut BTreeSet<String>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            names(&path, facts)?;
        }
        let name = path.display().to_string();
        if !name.ends_with('-') {
            facts.insert(name);
        }
    }
    Ok(())
}
