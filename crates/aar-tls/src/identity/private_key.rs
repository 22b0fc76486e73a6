use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use crate::Error;

const OTHERS: u32 = 0o007;
const GROUP_AND_OTHERS: u32 = 0o077;

/// Makes a key private that other users can read. If that is impossible, or if it belongs to another user who
/// shows it to more than a group, it is refused.
pub(super) fn make_private(key: &Path) -> Result<(), Error> {
    let metadata = fs_err::metadata(key)?;
    let mode = metadata.permissions().mode();
    let user = rustix::process::geteuid();
    let is_own = user.is_root() || metadata.uid() == user.as_raw();
    let exposed = if is_own { GROUP_AND_OTHERS } else { OTHERS };
    if mode & exposed == 0 {
        return Ok(());
    }
    let private = Permissions::from_mode(mode & !GROUP_AND_OTHERS);
    if !is_own || fs_err::set_permissions(key, private).is_err() {
        let key = key.to_owned();
        return Err(Error::KeyExposed { key });
    }
    tracing::warn!(
        key = %key.display(),
        "other users could read the private key; it is private now: replace it if one of them may have read it"
    );
    Ok(())
}
