//! The base folder: everything that a program writes is below it.

use std::{
    ffi::OsString,
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

/// The programs that have a base folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The registry.
    Aar,
    /// The management service.
    Ams,
}

impl Program {
    /// The name of the program and of its snap.
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

    /// The folder that the Debian package makes, if it did and it is this user's business.
    fn packaged(self) -> Option<PathBuf> {
        let folder = PathBuf::from(format!("/var/lib/{}", self.name()));
        let owner = folder.metadata().ok()?.uid();
        let user = rustix::process::geteuid();
        (user.is_root() || user.as_raw() == owner).then_some(folder)
    }
}

/// Finds the base folder: the one given on the command line, else the program's environment
/// variable, else the snap's, else that of the Debian package for root and the user of the service,
/// else the snap's usual place for root and the data folder of the user for others.
pub fn resolve(program: Program, flag: Option<PathBuf>) -> PathBuf {
    let is_root = rustix::process::geteuid().is_root();
    let usual = program.packaged().or_else(|| own(program, is_root));
    choose(program, flag, |name| std::env::var_os(name), usual)
}

/// The data folder of the user; root has none.
fn own(program: Program, is_root: bool) -> Option<PathBuf> {
    let xdg = etcetera::choose_base_strategy().ok();
    let xdg = xdg.filter(|_| !is_root);
    xdg.map(|xdg| xdg.data_dir().join(program.name()))
}

fn choose(
    program: Program,
    flag: Option<PathBuf>,
    environment: impl Fn(&str) -> Option<OsString>,
    usual: Option<PathBuf>,
) -> PathBuf {
    let variable = |name| {
        environment(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    flag.or_else(|| variable(program.variable()))
        .or_else(|| variable("SNAP_COMMON"))
        .or(usual)
        .unwrap_or_else(|| program.snap_common())
}

/// Creates a folder that only its owner may enter, with the folders above it where they are
/// missing. One that exists stays as it is.
pub fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| {
        let message = format!("cannot create the folder {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    })
}

/// A base folder that exists.
#[derive(Debug, Clone)]
pub struct BaseDir {
    program: Program,
    path: PathBuf,
}

impl BaseDir {
    /// Finds the base folder as [`resolve`] does and creates it where it is missing.
    pub fn open(program: Program, flag: Option<PathBuf>) -> io::Result<Self> {
        let path = resolve(program, flag);
        private_dir(&path)?;
        // A relative path would change its meaning with the working folder.
        let path = fs_err::canonicalize(path)?;
        Ok(Self { program, path })
    }

    /// Whose base folder it is.
    pub fn program(&self) -> Program {
        self.program
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something below it.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// The path of a folder below it that only the owner may enter; created where it is missing.
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

    fn chosen(flag: Option<&str>, set: &[(&str, &str)], usual: Option<&str>) -> PathBuf {
        let environment = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        choose(
            Program::Aar,
            flag.map(PathBuf::from),
            environment,
            usual.map(PathBuf::from),
        )
    }

    #[test]
    fn the_base_folder_is_the_first_that_is_named() {
        let snap = ("SNAP_COMMON", "/snap");
        let own = ("AAR_BASE_DIR", "/own");
        let of_the_other = ("AMS_BASE_DIR", "/other");
        let usual = Some("/usual");
        assert_eq!(
            chosen(Some("/flag"), &[own, snap], usual),
            Path::new("/flag")
        );
        assert_eq!(chosen(None, &[snap, own], usual), Path::new("/own"));
        assert_eq!(
            chosen(None, &[snap, of_the_other], usual),
            Path::new("/snap")
        );
        assert_eq!(
            chosen(None, &[("AAR_BASE_DIR", "")], usual),
            Path::new("/usual")
        );
        assert_eq!(chosen(None, &[], None), Path::new("/var/snap/aar/common"));
    }

    #[test]
    fn users_have_a_folder_of_their_own_and_root_has_that_of_the_snap() {
        for (program, name) in [(Program::Aar, "aar"), (Program::Ams, "ams")] {
            let own = |is_root| choose(program, None, |_| None, own(program, is_root));
            assert_eq!(own(true), Path::new(&format!("/var/snap/{name}/common")));
            let of_user = own(false);
            assert!(of_user.ends_with(name), "{}", of_user.display());
            assert!(!of_user.starts_with("/var/snap"), "{}", of_user.display());
        }
    }

    #[test]
    fn new_folders_are_private_and_existing_ones_stay() {
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
