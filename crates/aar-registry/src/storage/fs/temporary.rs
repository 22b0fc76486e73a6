//! The names of files that are being written.

use crate::storage::{Area, ObjectKey};

/// The prefix that `aar_fs` gives to a file until its content is durable; six random characters follow.
const TEMPORARY: &str = ".new-";

/// Whether this is the name of a file whose write is in flight or was interrupted.
pub(super) fn is_temporary(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else {
        return false;
    };
    let random = name.strip_prefix(TEMPORARY).unwrap_or_default();
    random.len() == 6
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (folder == Area::Trust.name() || is_variant(folder))
}

fn is_variant(folder: &str) -> bool {
    ObjectKey::parse(&format!("{folder}/application.json")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_a_write_in_flight_is_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("1.json");
        let _new = aar_fs::NewFile::create(&target, aar_fs::PRIVATE).unwrap();
        let file = fs_err::read_dir(folder.path()).unwrap().next().unwrap();
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(is_temporary(&format!("applications/app/amd64/{name}")));
    }
}
