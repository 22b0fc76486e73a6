//! Files that are written for other projects' tools, judged by those tools.

use std::{path::Path, process::Command};

use anyhow::Result;

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
    run(Command::new(tools.join("hadolint"))
        .args(["--failure-threshold", "style", "packaging/oci/Dockerfile"])
        .current_dir(root()))?;
    for script in [
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
    Ok(())
}

/// This command of charmcraft reads and validates the whole project, as packing does.
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
