//! Whose files they are: on a folder of another user, root works as that user.
//!
//! A service has a user of its own, and its operators type commands as root. What root wrote, the
//! service could not read: its database, its descriptors, a folder made on the way. So a program that
//! root starts becomes the user that the folder belongs to, before it starts any thread.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    process::{Gid, Uid},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

/// What is left of root's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: for a service.
    Nothing,
    /// Reading any file: for a command whose user may name one.
    Reading,
}

/// The program cannot become the user it has to be.
#[derive(Debug, thiserror::Error)]
#[error("cannot work as the user {owner}, to whom the folder {} belongs", folder.display())]
pub struct CannotBecomeOwner {
    /// The folder.
    pub folder: PathBuf,
    /// The number of its owner.
    pub owner: u32,
    /// What the system says.
    pub source: io::Error,
}

/// Makes this thread, and every thread that it starts, work as the owner of a folder. Only root can,
/// so others stay who they are, and so does root on a folder of its own or on one that is missing.
pub fn work_as_owner(folder: &Path, keep: Keep) -> Result<(), CannotBecomeOwner> {
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

fn become_user(user: Uid, group: Gid, keep: Keep) -> io::Result<()> {
    let kept = match keep {
        Keep::Nothing => CapabilitySet::empty(),
        // Where root itself lacks the right, as in some containers, there is nothing to keep.
        Keep::Reading => CapabilitySet::DAC_READ_SEARCH & capabilities(None)?.permitted,
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

    const SOMEBODY: u32 = 54_321;

    /// What root can do in a folder of somebody else's, after it has become that one. Who a thread
    /// works as ends with the thread.
    fn as_owner(keep: Keep) -> Option<(u32, io::Result<String>)> {
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
        std::os::unix::fs::chown(&folder, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        let work = move || {
            work_as_owner(&folder, keep).unwrap();
            let made = folder.join("made");
            fs_err::write(&made, "").unwrap();
            (
                made.metadata().unwrap().uid(),
                fs_err::read_to_string(&secret),
            )
        };
        Some(std::thread::spawn(work).join().unwrap())
    }

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_folder() {
        if let Some((owner, secret)) = as_owner(Keep::Nothing) {
            assert_eq!(owner, SOMEBODY);
            assert_eq!(secret.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn a_command_of_root_still_reads_the_files_that_root_may_read() {
        if let Some((owner, secret)) = as_owner(Keep::Reading) {
            assert_eq!(owner, SOMEBODY);
            assert_eq!(secret.unwrap(), "of root");
        }
    }

    #[test]
    fn a_folder_that_is_missing_or_ones_own_changes_nothing() {
        let own = tempfile::tempdir().unwrap();
        let before = rustix::process::geteuid();
        work_as_owner(own.path(), Keep::Nothing).unwrap();
        work_as_owner(&own.path().join("missing"), Keep::Nothing).unwrap();
        assert_eq!(rustix::process::geteuid(), before);
    }
}
