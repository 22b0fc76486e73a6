use std::{error, io, path::Path};

/// Turns "does not exist" into `None`.
pub fn if_exists<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file; `false` if there was none. The removal is not synced.
pub fn remove_if_exists(path: &Path) -> io::Result<bool> {
    Ok(if_exists(fs_err::remove_file(path))?.is_some())
}

/// Whether an error, or one of its sources, is a full disk or a full quota.
pub fn is_storage_full(error: &(dyn error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if let Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) = kind {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remove_of_a_missing_file_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(!remove_if_exists(&path).unwrap());
        fs_err::write(&path, "x").unwrap();
        assert!(remove_if_exists(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn remove_of_a_folder_fails() {
        let folder = tempfile::tempdir().unwrap();
        remove_if_exists(folder.path()).unwrap_err();
    }

    #[test]
    fn full_disk_is_found_below_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_storage_full(&full()));
        assert!(is_storage_full(&io::Error::from(
            io::ErrorKind::QuotaExceeded
        )));
        assert!(is_storage_full(&io::Error::other(Wrapped(full()))));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(!is_storage_full(&Wrapped(denied)));
    }

    #[derive(Debug)]
    struct Wrapped(io::Error);

    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn error::Error + 'static)> {
            Some(&self.0)
        }
    }
}
