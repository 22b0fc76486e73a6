//! Files that appear complete or not at all.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use fs_err::{OpenOptions, os::unix::fs::OpenOptionsExt};
use tempfile::NamedTempFile;

use crate::{
    folder::{parent, sync_parent},
    if_exists,
};

/// Readable by its owner only.
pub const PRIVATE: u32 = 0o600;
/// Readable by everyone.
pub const PUBLIC: u32 = 0o644;

/// A block of a file system. Small files may be stored without one.
const PROBE_BYTES: usize = 4096;

/// A file that is written beside its target, under a hidden name, and gets the name of the target
/// once it is complete. It is removed if it is dropped before.
#[derive(Debug)]
pub struct NewFile {
    file: NamedTempFile,
    target: PathBuf,
}

impl NewFile {
    /// Creates the file in the folder of its target. The umask applies to the mode.
    pub fn create(target: &Path, mode: u32) -> io::Result<Self> {
        let file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(parent(target))?;
        Ok(Self {
            file,
            target: target.to_owned(),
        })
    }

    /// Gives the file the name of its target, durably, in place of a file that has it.
    pub fn replace(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        let path = self.file.into_temp_path();
        fs_err::rename(&path, &self.target)?;
        // After the rename there is nothing left to remove.
        path.keep()?;
        sync_parent(&self.target)
    }

    /// Gives the file the name of its target, durably, unless another file has it: that one stays,
    /// and the result is `false`.
    pub fn publish(self) -> io::Result<bool> {
        self.file.as_file().sync_all()?;
        match self.file.persist_noclobber(&self.target) {
            Ok(_) => sync_parent(&self.target).map(|()| true),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(refused) => Err(refused.error),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Replaces the content of a file atomically and durably. An existing file keeps its mode, a new one
/// is private.
pub fn replace_with(target: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = NewFile::create(target, PRIVATE)?;
    if let Some(old) = if_exists(fs_err::metadata(target))? {
        fs_err::set_permissions(new.file.path(), old.permissions())?;
    }
    new.write_all(content)?;
    new.replace()
}

/// Creates a file with its content, atomically and durably. An existing file stays as it is, and the
/// result is `false`.
pub fn create_with(target: &Path, content: &[u8], mode: u32) -> io::Result<bool> {
    let mut new = NewFile::create(target, mode)?;
    new.write_all(content)?;
    new.publish()
}

/// Checks that files can be created in a folder and written: a volume may be read-only, or have no space or
/// no inodes. Nothing is left.
pub fn probe_writable(folder: &Path) -> io::Result<()> {
    let mut probe = NewFile::create(&folder.join("probe"), PRIVATE)?;
    probe.write_all(&[0; PROBE_BYTES])?;
    probe.flush()
}

/// Creates an empty file with mode 0600. An existing file is not opened, so the locks that this
/// process holds on it stay; the result is `false`.
pub fn create_private_file(path: &Path) -> io::Result<bool> {
    let mut options = OpenOptions::new();
    let created = options
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path);
    match created {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let mut new = NewFile::create(&target, PRIVATE).unwrap();
        new.write_all(b"half").unwrap();
        assert!(!target.exists());
        assert_eq!(names(folder.path()).len(), 1);
        drop(new);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn replaced_file_keeps_its_mode_and_a_new_one_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        replace_with(&target, b"one").unwrap();
        assert_eq!(mode(&target), PRIVATE);
        fs_err::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
        replace_with(&target, b"two").unwrap();
        assert_eq!(mode(&target), 0o640);
        assert_eq!(fs_err::read(&target).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn created_file_does_not_replace_an_existing_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        assert!(create_with(&target, b"one", PRIVATE).unwrap());
        assert!(!create_with(&target, b"two", PRIVATE).unwrap());
        assert_eq!(fs_err::read(&target).unwrap(), b"one");
        assert_eq!(mode(&target), PRIVATE);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn failed_replacement_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs_err::create_dir(&target).unwrap();
        let new = NewFile::create(&target, PRIVATE).unwrap();
        new.replace().unwrap_err();
        assert_eq!(names(folder.path()), ["target"]);
    }

    #[test]
    fn probe_leaves_nothing_and_names_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        probe_writable(folder.path()).unwrap();
        assert!(names(folder.path()).is_empty());
        let refused = probe_writable(&folder.path().join("missing")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn private_file_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(create_private_file(&path).unwrap());
        assert_eq!(mode(&path), PRIVATE);
        fs_err::write(&path, "x").unwrap();
        assert!(!create_private_file(&path).unwrap());
        assert_eq!(fs_err::read(&path).unwrap(), b"x");
    }
}
