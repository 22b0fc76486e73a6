//! Files that appear complete or not at all.

use std::{
    fs::{Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
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

    /// Takes owner and mode of another file. A group that cannot be kept has no permissions: it is not the
    /// one that they were given to.
    fn take_access(&self, other: &Metadata, allowed: u32) -> io::Result<()> {
        let file = self.file.as_file();
        let (owner, group) = (Some(other.uid()), Some(other.gid()));
        let keeps_group = fchown(file, owner, group)
            .or_else(|_| fchown(file, None, group))
            .is_ok();
        let group_mode = if keeps_group { 0o070 } else { 0 };
        let mode = other.mode() & allowed & (0o707 | group_mode);
        file.set_permissions(Permissions::from_mode(mode))
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

/// Replaces the content of a file atomically and durably. An existing file keeps its owner and mode, a new
/// one is private. A symbolic link stays, and the file that it names is replaced.
pub fn replace_with(target: &Path, content: &[u8]) -> io::Result<()> {
    replace_within(target, content, u32::MAX)
}

/// The same, and the file loses the permissions that are not in `allowed`.
pub fn replace_within(target: &Path, content: &[u8], allowed: u32) -> io::Result<()> {
    let followed = if_exists(fs_err::canonicalize(target))?;
    let mut new = NewFile::create(followed.as_deref().unwrap_or(target), PRIVATE)?;
    if let Some(file) = followed {
        new.take_access(&fs_err::metadata(file)?, allowed)?;
    }
    new.write_all(content)?;
    new.replace()
}

/// Fails if the file cannot be replaced. The proof is a replacement by its own content, because a folder that
/// can be written to does not suffice: a mounted file cannot be replaced.
pub fn check_replaceable(target: &Path) -> io::Result<()> {
    match if_exists(fs_err::read(target))? {
        Some(content) => replace_with(target, &content),
        None => probe_writable(parent(target)),
    }
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
    fn replaced_file_loses_permissions_that_are_not_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        fs_err::write(&target, "old").unwrap();
        fs_err::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        replace_within(&target, b"secret", 0o770).unwrap();
        assert_eq!(mode(&target), 0o640);
    }

    #[test]
    fn symbolic_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs_err::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        replace_with(&link, b"new").unwrap();
        assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs_err::read(&file).unwrap(), b"new");
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn owner_of_a_replaced_file_is_kept_by_root() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        fs_err::write(&target, "old").unwrap();
        let is_root = fs_err::metadata(&target).unwrap().uid() == 0;
        if is_root {
            std::os::unix::fs::chown(&target, Some(54_321), Some(54_322)).unwrap();
        } else {
            assert!(
                std::env::var_os("CI").is_none(),
                "only root can give a file away"
            );
        }
        let before = fs_err::metadata(&target).unwrap();
        replace_with(&target, b"new").unwrap();
        let after = fs_err::metadata(&target).unwrap();
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    }

    #[test]
    fn check_of_a_replaceable_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        check_replaceable(&target).unwrap();
        assert!(names(folder.path()).is_empty());
        fs_err::write(&target, "content").unwrap();
        fs_err::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
        check_replaceable(&target).unwrap();
        assert_eq!(mode(&target), 0o640);
        assert_eq!(fs_err::read(&target).unwrap(), b"content");
        check_replaceable(&target.join("below a file")).unwrap_err();
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
