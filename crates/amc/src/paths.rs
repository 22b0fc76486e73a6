//! The folders of `amc`, and the socket of the AMS on this machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;
use etcetera::BaseStrategy;

/// The base folder of the snap's service.
const SNAP_BASE: &str = "/var/snap/ams/common";
/// The base folder of the Debian package's service.
const PACKAGE_BASE: &str = "/var/lib/ams";

/// The folder with the remotes and the client certificate.
pub(crate) fn config_dir() -> anyhow::Result<PathBuf> {
    if let Some(snap) = variable("SNAP_USER_DATA") {
        return Ok(snap);
    }
    Ok(strategy()?.config_dir().join("amc"))
}

/// The folder for temporary files: `TMPDIR`, or else the cache folder of the user. The system's
/// temporary folder is often kept in memory, where a package does not fit.
pub(crate) fn scratch_dir() -> anyhow::Result<PathBuf> {
    match variable("TMPDIR") {
        Some(folder) => Ok(folder),
        None => Ok(strategy()?.cache_dir().join("amc")),
    }
}

/// The socket of the AMS on this machine: the first that exists among the usual places, or else the
/// first of these places, so that an error can name it.
pub(crate) fn local_socket() -> PathBuf {
    if let Some(base) = variable("AMS_BASE_DIR") {
        return socket_in(&base);
    }
    let user = strategy().ok().map(|user| user.data_dir().join("ams"));
    let [snap, package] = [SNAP_BASE, PACKAGE_BASE].map(PathBuf::from);
    let bases = [variable("SNAP_COMMON"), Some(snap), Some(package), user];
    let sockets = bases.into_iter().flatten().map(|base| socket_in(&base));
    first_existing(sockets).unwrap_or_else(|| socket_in(Path::new(SNAP_BASE)))
}

fn first_existing(mut sockets: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    // A socket in a folder that this user may not enter counts as existing.
    sockets.find(|socket| !matches!(socket.try_exists(), Ok(false)))
}

fn socket_in(base: &Path) -> PathBuf {
    base.join("server/unix.socket")
}

fn strategy() -> anyhow::Result<impl BaseStrategy> {
    etcetera::base_strategy::choose_base_strategy()
        .context("cannot find the home folder of this user")
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn local_socket_is_the_first_that_exists() {
        let root = tempfile::tempdir().unwrap();
        let sockets = || ["snap", "package", "user"].map(|base| socket_in(&root.path().join(base)));
        assert_eq!(first_existing(sockets().into_iter()), None);
        let mut listeners = Vec::new();
        // Created from the last to the first: each is preferred to those that exist already.
        for socket in sockets().into_iter().rev() {
            fs_err::create_dir_all(socket.parent().unwrap()).unwrap();
            listeners.push(UnixListener::bind(&socket).unwrap());
            assert_eq!(first_existing(sockets().into_iter()), Some(socket));
        }
    }
}
