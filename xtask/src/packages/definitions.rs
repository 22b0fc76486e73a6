//! Checks the files that other projects' tools read with those tools.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::Result;

use super::image;
use crate::command::{root, run, run_quietly, target_dir};

const SCRIPTS: [&str; 9] = [
    "snap/aar/local/authorities",
    "snap/aar/hooks/install",
    "snap/ams/hooks/install",
    "deb/aar/postinst",
    "deb/aar/prerm",
    "deb/aar/postrm",
    "deb/ams/postinst",
    "deb/ams/prerm",
    "deb/ams/postrm",
];

pub(super) fn check(tools: &Path) -> Result<()> {
    for charm in ["aar", "ams"] {
        check_charm(tools, charm)?;
    }
    // check-jsonschema contains the schema of the snapcraft project.
    run(Command::new(tools.join("check-jsonschema"))
        .args(["--builtin-schema", "vendor.snapcraft"])
        .args([
            "packaging/snap/aar/snapcraft.yaml",
            "packaging/snap/ams/snapcraft.yaml",
        ])
        .current_dir(root()))?;
    image::check(tools)?;
    for script in SCRIPTS {
        run(Command::new("sh")
            .arg("-n")
            .arg(Path::new("packaging").join(script))
            .current_dir(root()))?;
    }
    check_failing_purge(["aar", "ams"])
}

/// Purging succeeds although a folder (such as a mount point) or the user cannot be removed.
fn check_failing_purge(services: [&str; 2]) -> Result<()> {
    // These replace every program that the scripts call.
    let stubs = tempfile::tempdir()?;
    for stub in ["rm", "getent", "deluser"] {
        let path = stubs.path().join(stub);
        fs::write(&path, "#!/bin/sh\nexit 1\n")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    for service in services {
        let script = root().join("packaging/deb").join(service).join("postrm");
        run_quietly(
            Command::new("/bin/sh")
                .arg(script)
                .arg("purge")
                .env("PATH", stubs.path()),
        )?;
    }
    Ok(())
}

/// `charmcraft expand-extensions` reads the project as packing does. It does not check endpoints,
/// options and actions; the charms' own tests do.
fn check_charm(tools: &Path, charm: &str) -> Result<()> {
    let state = target_dir().join("charmcraft");
    fs::create_dir_all(&state)?;
    run_quietly(
        Command::new(tools.join("charmcraft"))
            .arg("expand-extensions")
            .env("XDG_RUNTIME_DIR", &state)
            .env("XDG_STATE_HOME", &state)
            .current_dir(root().join("charms").join(charm)),
    )
}
