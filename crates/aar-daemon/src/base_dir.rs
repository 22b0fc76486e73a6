//! The base folder, which holds all files that a program writes.

use std::{
    ffi::OsString,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

/// The programs that have a base folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Aar,
    Ams,
}

impl Program {
    /// The name of the program, which is also the name of its snap.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aar => "aar",
            Self::Ams => "ams",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Aar => "AAR_BASE_DIR",
            Self::Ams => "AMS_BASE_DIR",
        }
    }

    fn snap_common(self) -> PathBuf {
        PathBuf::from(format!("/var/snap/{}/common", self.name()))
    }

    /// The folder of the Debian package, for root and for its owner.
    fn packaged(self) -> Option<PathBuf> {
        let folder = PathBuf::from(format!("/var/lib/{}", self.name()));
        let owner = folder.metadata().ok()?.uid();
        let user = rustix::process::geteuid();
        (user.is_root() || user.as_raw() == owner).then_some(folder)
    }
}

/// The base folder: the first that is set of the option on the command line, the environment variable
/// of the program and `SNAP_COMMON`; then the folder of the Debian package, for root and the user of
/// the service; then the usual folder of the snap for root, and the data folder of the user for others.
pub fn resolve(program: Program, flag: Option<PathBuf>) -> PathBuf {
    let is_root = rustix::process::geteuid().is_root();
    let default = program.packaged().or_else(|| of_user(program, is_root));
    choose(program, flag, |name| std::env::var_os(name), default)
}

/// The folders in which the data of a program usually is on this machine, without the choice by an option.
pub fn usual(program: Program) -> Vec<PathBuf> {
    let packaged = PathBuf::from(format!("/var/lib/{}", program.name()));
    let mut folders = vec![resolve(program, None), packaged, program.snap_common()];
    folders.extend(of_user(program, rustix::process::geteuid().is_root()));
    folders
}

/// The data folder of the user; none for root.
fn of_user(program: Program, is_root: bool) -> Option<PathBuf> {
    let xdg = etcetera::choose_base_strategy().ok();
    let xdg = xdg.filter(|_| !is_root);
    xdg.map(|xdg| xdg.data_dir().join(program.name()))
}

fn choose(
    program: Program,
    flag: Option<PathBuf>,
    environment: impl Fn(&str) -> Option<OsString>,
    default: Option<PathBuf>,
) -> PathBuf {
    let variable = |name| {
        environment(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    flag.or_else(|| variable(program.variable()))
        .or_else(|| variable("SNAP_COMMON"))
        .or(default)
        .unwrap_or_else(|| program.snap_common())
}

pub use aar_fs::create_private_folder as private_dir;

/// A base folder that exists.
#[derive(Debug, Clone)]
pub struct BaseDir {
    program: Program,
    path: PathBuf,
}

impl BaseDir {
    /// Finds the base folder by [`resolve`] and creates it if it is missing.
    pub fn open(program: Program, flag: Option<PathBuf>) -> io::Result<Self> {
        let path = resolve(program, flag);
        private_dir(&path)?;
        // A relative path depends on the working folder.
        let path = fs_err::canonicalize(path)?;
        Ok(Self { program, path })
    }

    /// The program it belongs to.
    pub fn program(&self) -> Program {
        self.program
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path below it.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// The path of a private folder below it, which is created if it is missing.
    pub fn private_dir(&self, relative: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = self.join(relative);
        private_dir(&path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn chosen(flag: Option<&str>, set: &[(&str, &str)], default: Option<&str>) -> PathBuf {
        let environment = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        choose(
            Program::Aar,
            flag.map(PathBuf::from),
            environment,
            default.map(PathBuf::from),
        )
    }

    #[test]
    fn base_folder_is_the_first_that_is_set() {
        let snap = ("SNAP_COMMON", "/snap");
        let own = ("AAR_BASE_DIR", "/own");
        let other_program = ("AMS_BASE_DIR", "/other");
        let default = Some("/default");
        assert_eq!(
            chosen(Some("/flag"), &[own, snap], default),
            Path::new("/flag")
        );
        assert_eq!(chosen(None, &[snap, own], default), Path::new("/own"));
        assert_eq!(
            chosen(None, &[snap, other_program], default),
            Path::new("/snap")
        );
        assert_eq!(
            chosen(None, &[("AAR_BASE_DIR", "")], default),
            Path::new("/default")
        );
        assert_eq!(chosen(None, &[], None), Path::new("/var/snap/aar/common"));
    }

    #[test]
    fn base_folder_of_users_is_in_their_data_folder_and_of_root_that_of_the_snap() {
        for (program, name) in [(Program::Aar, "aar"), (Program::Ams, "ams")] {
            let chosen = |is_root| choose(program, None, |_| None, of_user(program, is_root));
            assert_eq!(chosen(true), Path::new(&format!("/var/snap/{name}/common")));
            let of_user = chosen(false);
            assert!(of_user.ends_with(name), "{}", of_user.display());
            assert!(!of_user.starts_with("/var/snap"), "{}", of_user.display());
        }
    }

    #[test]
    fn new_folders_are_private_and_existing_ones_keep_their_mode() {
        let root = tempfile::tempdir().unwrap();
        let base = BaseDir::open(Program::Ams, Some(root.path().join("a/b"))).unwrap();
        let folder = base.private_dir("c").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(base.path()), 0o700);
        assert_eq!(mode(&folder), 0o700);
        fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(mode(&base.private_dir("c").unwrap()), 0o750);
    }
}
