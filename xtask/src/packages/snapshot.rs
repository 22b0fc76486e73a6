//! The state of a machine that packages change: installed packages, users, groups and file names.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::command::output;

/// The packages, and the tools that their scripts call, create files in these folders.
const FOLDERS: [&str; 7] = [
    "/etc",
    "/usr/bin",
    "/usr/lib/systemd",
    "/usr/share/bash-completion",
    "/usr/share/fish",
    "/usr/share/zsh",
    "/var/lib/systemd",
];

pub(super) struct Snapshot(BTreeSet<String>);

impl Snapshot {
    pub(super) fn take() -> Result<Self> {
        let mut facts = BTreeSet::new();
        let query = ["--show", "--showformat=package ${Package} ${Status}\\n"];
        let packages = output(Command::new("dpkg-query").args(query))?;
        facts.extend(packages.lines().map(str::to_owned));
        for list in ["/etc/passwd", "/etc/group"] {
            let accounts = fs::read_to_string(list)?;
            facts.extend(accounts.lines().map(|line| format!("{list}: {line}")));
        }
        for folder in FOLDERS.map(PathBuf::from) {
            collect_names(&folder, &mut facts)?;
        }
        for entry in fs::read_dir("/var/lib")? {
            facts.insert(entry?.path().display().to_string());
        }
        Ok(Self(facts))
    }

    /// Fails with the facts that were added or removed since the snapshot was taken.
    pub(super) fn expect_unchanged(&self) -> Result<()> {
        let now = Self::take()?;
        let changed: Vec<_> = self.0.symmetric_difference(&now.0).collect();
        ensure!(changed.is_empty(), "the machine has changed: {changed:#?}");
        Ok(())
    }
}

/// Skips the backup files (`passwd-`) of the tools that add users.
fn collect_names(folder: &Path, facts: &mut BTreeSet<String>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect_names(&path, facts)?;
        }
        let name = path.display().to_string();
        if !name.ends_with('-') {
            facts.insert(name);
        }
    }
    Ok(())
}
