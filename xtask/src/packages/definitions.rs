//! Files that are written for other projects' tools, judged by those tools.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::Result;

use super::image;
use crate::command::{quietly, root, run, target_dir};

pub(super) fn check(tools: &Path) -> Result<()> {
    for charm in ["aar", "ams"] {
        charm_project(tools, charm)?;
    }
    // The schema is the snapcraft project's own; check-jsonschema carries it.
    run(Command::new(tools.join("check-jsonschema"))
        .args(["--builtin-schema", "vendor.snapcraft"])
        .args([
            "packaging/snap/aar/snapcraft.yaml",
            "packaging/snap/ams/snapcraft.yaml",
        ])
        .current_dir(root()))?;
    image::check(tools)?;
    for script in [
        "snap/aar/local/authorities",
        "snap/aar/hooks/install",
        "snap/ams/hooks/install",
        "deb/aar/postinst",
        "deb/aar/postrm",
        "deb/ams/postinst",
        "deb/ams/postrm",
    ] {
        run(Command::new("sh")
            .arg("-n")
            .arg(Path::new("packaging").join(script))
            .current_dir(root()))?;
    }
    purging_goes_on(["aar", "ams"])
}

/// What cannot be removed, such as the place of a volume, does not keep the rest from being done.
fn purging_goes_on(programs: [&str; 2]) -> Result<()> {
    // In the place of everything that the scripts call.
    let stubs = tempfile::tempdir()?;
    for stub in ["rm", "getent", "deluser"] {
        let path = stubs.path().join(stub);
        fs::write(&path, "#!/bin/sh\nexit 1\n")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    for program in programs {
        let script = root().join("packaging/deb").join(program).join("postrm");
        quietly(
            Command::new("/bin/sh")
                .arg(script)
                .arg("purge")
                .env("PATH", stubs.path()),
        )?;
    }
    Ok(())
}

/// This command of charmcraft reads the project as packing does. Neither looks at endpoints, options
/// and actions, which is what the charms' own tests do.
fn charm_project(tools: &Path, charm: &str) -> Result<()> {
    let state = target_dir().join("charmcraft");
    std::fs::create_dir_all(&state)?;
    quietly(
        Command::new(tools.join("charmcraft"))
            .arg("expand-extensions")
            .env("XDG_RUNTIME_DIR", &state)
            .env("XDG_STATE_HOME", &state)
            .current_dir(root().join("charms").join(charm)),
    )
}
