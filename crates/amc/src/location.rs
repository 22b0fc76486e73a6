//! Where things are: the folders of `amc`, and the socket of an AMS on this machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;
use etcetera::BaseStrategy;

/// Where AMS keeps its files when it runs as the service of a snap.
const SNAP_BASE: &str = "/var/snap/ams/common";
/// Where it does when it runs as the service of a Debian package.
const PACKAGE_BASE: &str = "/var/lib/ams";

/// The folder of remotes and of the client certificate.
pub(crate) fn config_dir() -> anyhow::Result<PathBuf> {
    if let Some(snap) = variable("SNAP_USER_DATA") {
        return Ok(snap);
    }
    Ok(strategy()?.config_dir().join("amc"))
}

/// The folder of files that live as long as a command. What `TMPDIR` says goes first; the system's
/// own temporary folder is often kept in memory, which is no place for a package.
pub(crate) fn scratch_dir() -> anyhow::Result<PathBuf> {
    match variable("TMPDIR") {
        Some(folder) => Ok(folder),
        None => Ok(strategy()?.cache_dir().join("amc")),
    }
}

/// The socket of the AMS on this machine: the first that is there, of the places where AMS puts
/// it. Where there is none, the first of them, for the error to name.
pub(crate) fn local_socket() -> PathBuf {
    if let Some(base) = variable("AMS_BASE_DIR") {
        return socket_in(&base);
    }
    let own = strategy().ok().map(|own| own.data_dir().join("ams"));
    let [snap, package] = [SNAP_BASE, PACKAGE_BASE].map(PathBuf::from);
    let bases = [variable("SNAP_COMMON"), Some(snap), Some(package), own];
    let sockets = bases.into_iter().flatten().map(|base| socket_in(&base));
    first_there(sockets).unwrap_or_else(|| socket_in(Path::new(SNAP_BASE)))
}

fn first_there(mut sockets: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    // A socket in a folder that may not be entered is there, as far as anybody can tell.
    sockets.find(|socket| !matches!(socket.try_exists(), Ok(false)))
}

fn socket_in(base: &Path) -> PathBuf {
    base.join("server/unix.socket")
}

fn strategy() -> anyhow::Result<impl BaseStrategy> {
    etcetera::base_strategy::choose_base_strategy().context("cannot tell the home folder")
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
    fn the_socket_is_the_first_that_is_there() {
        let root = tempfile::tempdir().unwrap();
        let sockets = || ["snap", "package", "own"].map(|base| socket_in(&root.path().join(base)));
        assert_eq!(first_there(sockets().into_iter()), None);
        let mut listening = Vec::new();
        // From the last on, each is found before the one that was there already.
        for socket in sockets().into_iter().rev() {
            fs_err::create_dir_all(socket.parent().unwrap()).unwrap();
            listening.push(UnixListener::bind(&socket).unwrap());
            assert_eq!(first_there(sockets().into_iter()), Some(socket));
        }
    }
}
