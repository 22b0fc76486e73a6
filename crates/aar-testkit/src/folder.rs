use std::path::{Path, PathBuf};

use crate::{programs, watchdog};

/// A folder below the target folder, removed when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// Makes a new one. Short names leave room for the path of a Unix socket.
    pub fn new(prefix: &str) -> Self {
        let parent = programs::target_dir().join("tmp");
        fs_err::create_dir_all(&parent).unwrap();
        let keep = std::env::var_os("AAR_TEST_KEEP").is_some();
        let made = tempfile::Builder::new()
            .prefix(&format!("{prefix}-"))
            .disable_cleanup(keep)
            .tempdir_in(parent);
        let made = made.unwrap();
        if !keep {
            watchdog::remove_at_exit(made.path());
        }
        Self {
            path: made.path().to_owned(),
            _temporary: Some(made),
        }
    }

    /// One that stays, for what takes long to make. Who uses it looks whether it is there already.
    pub fn lasting(name: &str) -> Self {
        let path = programs::target_dir().join(name);
        fs_err::create_dir_all(&path).unwrap();
        Self {
            path,
            _temporary: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path().join(relative)
    }

    /// Writes a file in it, with the folders above.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(relative);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }
}

/// Every file below a folder with its size, by path relative to it.
pub(crate) fn files_below(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        // A file may go while one looks: programs are at work here.
        let Ok(entries) = fs_err::read_dir(&next) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => open.push(entry.path()),
                Ok(facts) => {
                    let path = entry.path().strip_prefix(folder).unwrap().to_owned();
                    found.push((path, facts.len()));
                }
                Err(_) => {}
            }
        }
    }
    found.sort();
    found
}
