//! The group of the local socket: its members may use AMS.

use std::{
    io,
    os::unix::fs::{MetadataExt as _, chown},
    path::Path,
};

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// The group in the documentation of the vendor's AMS.
const DEFAULT: &str = "ams";

/// The group whose members may use the local socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketGroup {
    name: String,
    gid: Gid,
    is_configured: bool,
}

impl SocketGroup {
    /// The configured group, or `ams` if there is such a group.
    pub fn or_default(configured: Option<&Self>) -> Option<Self> {
        configured
            .cloned()
            .or_else(|| Self::named(DEFAULT, false).ok().flatten())
    }

    /// The group that the settings file names, if it exists.
    pub(crate) fn configured(name: &str) -> io::Result<Option<Self>> {
        Self::named(name, true)
    }

    fn named(name: &str, is_configured: bool) -> io::Result<Option<Self>> {
        let found = Group::from_name(name).map_err(io::Error::from)?;
        Ok(found.map(|group| Self {
            name: group.name,
            gid: group.gid,
            is_configured,
        }))
    }

    /// Whether a user is in the group now. A user that is not known to the system is not.
    pub(crate) fn has_member(&self, uid: u32) -> bool {
        let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
            return false;
        };
        let Ok(name) = std::ffi::CString::new(user.name) else {
            return false;
        };
        getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&self.gid))
    }

    /// Gives the socket to the group, and returns whether that worked. Only the configured group is
    /// required: a confined service may not change groups.
    pub fn take(&self, socket: &Path) -> io::Result<bool> {
        // A sandbox may end a process that changes groups, so it is done only where it is necessary.
        if fs_err::metadata(socket)?.gid() == self.gid.as_raw() {
            return Ok(true);
        }
        match chown(socket, None, Some(self.gid.as_raw())) {
            Ok(()) => Ok(true),
            Err(error) if self.is_configured => {
                let message = format!(
                    "cannot give {} to the group {}",
                    socket.display(),
                    self.name
                );
                Err(io::Error::new(error.kind(), format!("{message}: {error}")))
            }
            Err(error) => {
                let group = &self.name;
                tracing::warn!(%error, group, "members of the group cannot use the socket: use allowed-uids");
                Ok(false)
            }
        }
    }
}
