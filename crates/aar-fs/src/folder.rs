use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path};

/// Creates a folder with mode 0700, durably, and the missing ones above it. An existing folder keeps
/// its mode.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path
        .ancestors()
        .take_while(|folder| *folder != Path::new("") && !folder.is_dir())
        .collect();
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|error| {
        let message = format!("cannot create the folder {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    })?;
    missing.into_iter().try_for_each(sync_parent)
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

/// Makes the name of a file or folder durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    sync_folder(parent(path))
}

/// The folder that holds a path; the working folder for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn new_folders_are_private_and_existing_ones_keep_their_mode() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        create_private_folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o700);
        assert_eq!(mode(&root.path().join("a")), 0o700);
        fs_err::set_permissions(&inner, Permissions::from_mode(0o750)).unwrap();
        create_private_folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o750);
    }

    #[test]
    fn folder_that_cannot_be_created_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs_err::write(&file, "x").unwrap();
        let error = create_private_folder(&file.join("inner")).unwrap_err();
        let inner = format!("cannot create the folder {}/inner: ", file.display());
        assert!(error.to_string().starts_with(&inner), "{error}");
    }

    #[test]
    fn parent_of_a_bare_name_is_the_working_folder() {
        assert_eq!(parent(Path::new("name")), Path::new("."));
        assert_eq!(parent(Path::new("/a/b")), Path::new("/a"));
    }
}
