//! Files that uploads and interrupted writes have left.

use std::{fs::Metadata, io, path::Path};

use aar_fs::{if_exists, remove_if_exists};

use super::{list, temporary::is_temporary};
use crate::storage::{Area, Leftover, object_key};

pub(super) fn find(root: &Path) -> io::Result<Vec<Leftover>> {
    let mut found = Vec::new();
    for area in [Area::Staging, Area::Applications, Area::Trust] {
        for file in list::files(root.to_owned(), area, false) {
            let (path, metadata) = file?;
            if is_leftover(&path) {
                found.push(leftover(path, &metadata));
            }
        }
    }
    Ok(found)
}

pub(super) fn at(root: &Path, path: &str) -> io::Result<Option<Leftover>> {
    if !is_leftover(path) {
        return Ok(None);
    }
    let metadata = if_exists(fs_err::symlink_metadata(root.join(path)))?;
    Ok(metadata.map(|metadata| leftover(path.to_owned(), &metadata)))
}

pub(super) fn delete(root: &Path, path: &str) -> io::Result<bool> {
    Ok(is_leftover(path) && remove_if_exists(&root.join(path))?)
}

/// Whether the path is one that the registry leaves. Other programs may keep files in the same folder.
fn is_leftover(path: &str) -> bool {
    object_key::upload_of(path).is_some() || is_temporary(path)
}

fn leftover(path: String, metadata: &Metadata) -> Leftover {
    Leftover {
        upload: object_key::upload_of(&path),
        multipart: None,
        path,
        size: metadata.len(),
        modified: list::modified(metadata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_registry_gives_are_leftovers() {
        let id = "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10";
        for name in [
            &format!("staging/{id}"),
            "applications/app/amd64/.new-a1B2c3",
            "trust/.new-a1B2c3",
        ] {
            assert!(is_leftover(name), "{name}");
        }
        for name in [
            "staging/report.pdf",
            &format!("staging/deep/{id}"),
            &format!("staging/../staging/{id}"),
            "staging/.new-a1B2c3",
            "applications/app/amd64/1.json",
            "applications/app/amd64/.new-a1B2c",
            "applications/app/amd64/.new-a1B2/3",
            "applications/app/amd64/new-a1B2c3",
            "applications/../etc/amd64/.new-a1B2c3",
            "applications/.new-a1B2c3",
            "../trust/.new-a1B2c3",
            "trust/.new-notes.txt",
            "trust/x.json",
            ".new-a1B2c3",
            &format!("/staging/{id}"),
        ] {
            assert!(!is_leftover(name), "{name}");
        }
    }
}
