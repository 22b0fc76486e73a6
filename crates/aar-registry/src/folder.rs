//! Private folders.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use crate::Error;

/// Creates the folder and its parents if they are missing.
pub(crate) fn create_private(path: &Path) -> Result<(), Error> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|source| Error::Folder {
        path: path.to_owned(),
        source,
    })
}
