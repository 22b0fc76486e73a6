//! Building the Debian packages from programs that are built already.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, output, run, target_dir};

/// The crates that are packages, and the programs in each.
const PACKAGES: [(&str, &[&str]); 2] = [("aar-server", &["aar"]), ("ams", &["ams", "amc"])];
const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// Packs the programs of a profile; returns the packages.
pub(super) fn packages(profile: &str) -> Result<Vec<PathBuf>> {
    let programs = target_dir().join(profile);
    PACKAGES
        .iter()
        .map(|(package, names)| pack(package, names, &programs))
        .collect()
}

fn pack(package: &str, names: &[&str], programs: &Path) -> Result<PathBuf> {
    // cargo-deb packs what lies in `release` of a target folder, so it gets one of its own.
    let target = target_dir().join("packages");
    let stage = target.join("release");
    fs::create_dir_all(stage.join("completions"))?;
    for name in names {
        let program = stage.join(name);
        fs::copy(programs.join(name), &program).with_context(|| format!("cannot copy {name}"))?;
        completions(name, &program, &stage)?;
    }
    let out = target.join(package);
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let mut deb = cargo(&["deb", "--package", package, "--no-build", "--locked"]);
    // Without this, compressing takes minutes.
    let fast = programs.ends_with("debug").then_some("--fast");
    run(deb
        .args(fast)
        .env("CARGO_TARGET_DIR", &target)
        .arg("--output")
        .arg(out.join("")))?;
    only_file(&out)
}

fn completions(name: &str, program: &Path, stage: &Path) -> Result<()> {
    for shell in SHELLS {
        let script = output(Command::new(program).args(["completion", shell]))?;
        fs::write(stage.join(format!("completions/{name}.{shell}")), script)?;
    }
    Ok(())
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let first = files.next().context("no package was built")??;
    ensure!(files.next().is_none(), "more than one package was built");
    Ok(first)
}
