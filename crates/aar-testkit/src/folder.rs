use std::path::{Path, PathBuf};

use crate::{programs, watchdog};

/// A folder below the target folder, removed on drop or when the test process ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// Creates a folder. Keep the prefix short: the path of a Unix socket has at most 107 bytes.
    pub fn new(prefix: &str) -> Self {
        let parent = programs::target_dir().join("tmp");
        fs_err::create_dir_all(&parent).unwrap();
        let keep = std::env::var_os("AAR_TEST_KEEP").is_some();
        let temporary = tempfile::Builder::new()
            .prefix(&format!("{prefix}-"))
            .disable_cleanup(keep)
            .tempdir_in(parent)
            .unwrap();
        if !keep {
            watchdog::remove_at_exit(temporary.path());
        }
        Self {
            path: temporary.path().to_owned(),
            _temporary: Some(temporary),
        }
    }

    /// A folder that stays for later runs. The caller checks whether its content is complete.
    pub fn cached(name: &str) -> Self {
        let path = programs::target_dir().join(name);
        fs_err::create_dir_all(&path).unwrap();
        Self {
            path,
            _temporary: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path().join(relative)
    }

    /// Writes a file, and creates its parent folders.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(relative);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }
}

/// Every file below a folder, by relative path, with its size.
pub(crate) fn files_below(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        // The programs under test may remove files at the same time.
        let Ok(entries) = fs_err::read_dir(&next) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => pending.push(entry.path()),
                Ok(metadata) => {
                    let path = entry.path().strip_prefix(folder).unwrap().to_owned();
                    files.push((path, metadata.len()));
                }
                Err(_) => {}
            }
        }
    }
    files.sort();
    files
}
