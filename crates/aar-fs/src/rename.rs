use std::{io, path::Path};

use fs_err::File;

use crate::{folder::sync_parent, remove_if_exists};

/// Gives a complete file its final name: syncs the file, renames it, and syncs the folder.
///
/// A file that cannot be synced is removed. The system reports a failed write to the disk only once;
/// a later attempt with the same file would succeed without its content being on disk.
pub fn place(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    place_after(|| file.sync_all(), from, to)
}

fn place_after(sync: impl FnOnce() -> io::Result<()>, from: &Path, to: &Path) -> io::Result<()> {
    sync().inspect_err(|_| drop(remove_if_exists(from)))?;
    rename(from, to)
}

/// Renames a file whose content is already on disk, and syncs the folder.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs_err::rename(from, to)?;
    sync_parent(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placed_file_replaces_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs_err::write(&from, "new").unwrap();
        fs_err::write(&to, "old").unwrap();
        place(&File::open(&from).unwrap(), &from, &to).unwrap();
        assert_eq!(fs_err::read(&to).unwrap(), b"new");
        assert!(!from.exists());
    }

    #[test]
    fn file_that_cannot_be_synced_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs_err::write(&from, "new").unwrap();
        let refused = place_after(|| Err(io::Error::other("bad disk")), &from, &to);
        assert_eq!(refused.unwrap_err().to_string(), "bad disk");
        assert!(!from.exists() && !to.exists());
    }
}
