//! Where the programs under test are.
//!
//! Cargo builds the programs of a package for that package's own tests only, and a suite that
//! found old ones would test what is not there any more. So the first test of a process asks Cargo
//! to bring them up to date, which takes a moment when they are; Cargo itself keeps several
//! processes that ask at once out of each other's way. `AAR_TEST_BIN_DIR` names a folder with
//! programs to be tested as they are instead, for instance those of a release.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// The path of `aar`, `ams` or `amc`, built from the present state of the sources.
pub fn program(name: &str) -> PathBuf {
    FOLDER.get_or_init(built).join(name)
}

fn built() -> PathBuf {
    if let Some(given) = std::env::var_os("AAR_TEST_BIN_DIR") {
        return PathBuf::from(given);
    }
    let folder = profile_dir();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // As `cargo xtask` builds them, so that nothing is built twice.
    command.args(["build", "--quiet", "--workspace", "--bins", "--examples"]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    command.arg("--target-dir").arg(target_dir());
    let built = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "the programs do not build:\n{complaints}"
    );
    folder
}

/// The folder of the profile that the running test was built with: it lies in `deps` below.
fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let profile = if deps.ends_with("deps") {
        deps.parent().unwrap()
    } else {
        deps
    };
    profile.to_owned()
}

pub(crate) fn target_dir() -> PathBuf {
    profile_dir().parent().map(Path::to_owned).unwrap()
}
