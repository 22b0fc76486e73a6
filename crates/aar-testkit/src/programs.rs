//! The paths of the programs under test.
//!
//! Cargo builds the programs of a package for that package's own tests only, and a test of outdated
//! programs proves nothing. So the first test of a process runs `cargo build`, which is quick when nothing
//! has changed; Cargo locks the target folder against concurrent builds. `AAR_TEST_BIN_DIR` names a
//! folder with other programs to test, for example those of a release.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// The path of `aar`, `ams` or `amc`, built from the current sources.
pub fn program(name: &str) -> PathBuf {
    FOLDER.get_or_init(built).join(name)
}

fn built() -> PathBuf {
    if let Some(folder) = std::env::var_os("AAR_TEST_BIN_DIR") {
        return PathBuf::from(folder);
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
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "the programs cannot be built:\n{errors}"
    );
    folder
}

/// The folder of the profile that the running test was built with: the test lies in `deps` below it.
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
