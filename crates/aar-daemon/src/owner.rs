//! Root works on a base folder as the user that owns it.
//!
//! A service runs as a dedicated user, but operators run its commands as root. The service cannot read files
//! that root writes: the database, descriptors, new folders. So a program that root starts switches to the
//! owner of the folder, before it starts any thread.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::Mode,
    process::{Gid, Uid},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

/// The privileges of root that the program keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptPrivileges {
    /// For a service.
    None,
    /// For a command that reads files which its user names.
    ReadFiles,
}

/// The program cannot switch to the owner of the folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot switch to the user {owner}, who owns the folder {}", folder.display())]
pub struct CannotBecomeOwner {
    pub folder: PathBuf,
    /// The user id of its owner.
    pub owner: u32,
    /// The error of the system.
    pub source: io::Error,
}

/// Switches this thread, and every thread that it starts, to the owner of a folder. Does nothing for
/// users other than root, and for a folder that is missing or belongs to root.
///
/// From then on the process creates private files and folders only, whatever umask it was started with.
pub fn work_as_owner(folder: &Path, keep: KeptPrivileges) -> Result<(), CannotBecomeOwner> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let Ok(metadata) = folder.metadata() else {
        return Ok(());
    };
    let owner = metadata.uid();
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let become_owner = become_user(Uid::from_raw(owner), Gid::from_raw(metadata.gid()), keep);
    become_owner.map_err(|source| CannotBecomeOwner {
        folder: folder.to_owned(),
        owner,
        source,
    })
}

fn become_user(user: Uid, group: Gid, keep: KeptPrivileges) -> io::Result<()> {
    let kept = match keep {
        KeptPrivileges::None => CapabilitySet::empty(),
        // In some containers root itself lacks this privilege.
        KeptPrivileges::ReadFiles => CapabilitySet::DAC_READ_SEARCH & capabilities(None)?.permitted,
    };
    set_thread_groups(&[group])?;
    set_thread_res_gid(group, group, group)?;
    set_keep_capabilities(true)?;
    set_thread_res_uid(user, user, user)?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    set_keep_capabilities(false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    const OTHER_USER: u32 = 54_321;

    /// The owner of a file that root creates in a folder of another user, and whether root then reads a
    /// private file of root. Runs in a thread, because the switch ends with the thread.
    fn as_owner(keep: KeptPrivileges) -> Option<(u32, io::Result<String>)> {
        if !rustix::process::geteuid().is_root() {
            let ci = std::env::var_os("CI").is_some();
            assert!(!ci, "only root can become another user");
            eprintln!("SKIPPED: only root can become another user");
            return None;
        }
        let outer = tempfile::tempdir().unwrap();
        fs_err::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        let secret = outer.path().join("secret");
        fs_err::write(&secret, "of root").unwrap();
        fs_err::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        let folder = outer.path().join("folder");
        fs_err::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
        let work = move || {
            work_as_owner(&folder, keep).unwrap();
            let created = folder.join("created");
            fs_err::write(&created, "").unwrap();
            (
                created.metadata().unwrap().uid(),
                fs_err::read_to_string(&secret),
            )
        };
        Some(std::thread::spawn(work).join().unwrap())
    }

    #[test]
    fn file_of_root_belongs_to_the_owner_of_the_folder() {
        if let Some((owner, secret)) = as_owner(KeptPrivileges::None) {
            assert_eq!(owner, OTHER_USER);
            assert_eq!(secret.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn command_of_root_keeps_reading_files_of_root() {
        if let Some((owner, secret)) = as_owner(KeptPrivileges::ReadFiles) {
            assert_eq!(owner, OTHER_USER);
            assert_eq!(secret.unwrap(), "of root");
        }
    }

    #[test]
    fn missing_and_own_folders_change_nothing() {
        let own = tempfile::tempdir().unwrap();
        let before = rustix::process::geteuid();
        work_as_owner(own.path(), KeptPrivileges::None).unwrap();
        work_as_owner(&own.path().join("missing"), KeptPrivileges::None).unwrap();
        assert_eq!(rustix::process::geteuid(), before);
    }
}
