//! The registry of this machine, which a command names when its base folder has none.

use std::{io, path::Path};

use aar_daemon::base_dir::{self, Program};

/// A registry leaves one of these files in its base folder; the socket is there while it runs.
const SIGNS: [&str; 3] = ["registry.sqlite", "run/control.socket", "certs/server.crt"];

/// Whether a folder has a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Registry,
    /// The current user cannot read the folder.
    Unreadable,
    Nothing,
}

/// How to use the registry of this machine instead of the one that a base folder does not have.
pub(super) fn hint(base: &Path) -> Option<String> {
    let folders = base_dir::usual(Program::Aar).into_iter();
    let folders = folders.filter_map(|folder| std::path::absolute(folder).ok());
    let mut others = folders.filter(|folder| folder != base);
    others.find_map(|folder| describe(&folder, find(&folder)))
}

fn describe(folder: &Path, found: Found) -> Option<String> {
    let folder = folder.display();
    match found {
        Found::Registry => Some(format!(
            "the registry of this machine is in {folder}: select it with --base-dir {folder}"
        )),
        Found::Unreadable => Some(format!(
            "the registry of this machine is in {folder}, which this user cannot read: run the command with sudo"
        )),
        Found::Nothing => None,
    }
}

fn find(folder: &Path) -> Found {
    let mut signs = SIGNS.iter().map(|sign| folder.join(sign).try_exists());
    match signs.find(|exists| !matches!(exists, Ok(false))) {
        Some(Ok(_)) => Found::Registry,
        Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Found::Unreadable,
        _ => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_registry_is_selected_and_unreadable_one_needs_sudo() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        assert_eq!(find(folder.path()), Found::Nothing);
        assert_eq!(describe(folder.path(), Found::Nothing), None);
        fs_err::write(folder.path().join("registry.sqlite"), "").unwrap();
        assert_eq!(find(folder.path()), Found::Registry);
        let path = folder.path().display().to_string();
        let readable = describe(folder.path(), Found::Registry).unwrap();
        assert!(
            readable.ends_with(&format!("--base-dir {path}")),
            "{readable}"
        );
        let unreadable = describe(folder.path(), Found::Unreadable).unwrap();
        assert!(
            unreadable.contains(&path) && unreadable.contains("sudo"),
            "{unreadable}"
        );
    }
}
