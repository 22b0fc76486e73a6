//! A lock, so that one process at a time serves a base folder.

use std::{
    fs::TryLockError,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use fs_err::File;

/// The lock of a base folder. It is released when it is dropped and when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A base folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error(transparent)]
    AlreadyRunning(#[from] AlreadyRunning),
    /// The lock file cannot be used; the message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Another process holds the lock of the base folder.
#[derive(Debug, thiserror::Error)]
#[error("another {program}{} runs in {}", describe(*pid), folder.display())]
pub struct AlreadyRunning {
    /// The program, such as `registry`.
    pub program: &'static str,
    pub folder: PathBuf,
    /// The id of the other process, if it could be read.
    pub pid: Option<u32>,
}

fn describe(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

impl Lock {
    /// Acquires the lock of a base folder for a program, such as `registry`.
    pub fn acquire(folder: &Path, program: &'static str) -> Result<Self, LockError> {
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join("lock"))?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, program, &mut file).into()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn in_use(folder: &Path, program: &'static str, file: &mut File) -> AlreadyRunning {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    AlreadyRunning {
        program,
        folder: folder.to_owned(),
        pid: read.ok().and_then(|_| text.trim().parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_process_is_refused_with_the_id_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::acquire(folder.path(), "registry").unwrap();
        let refused = Lock::acquire(folder.path(), "registry")
            .unwrap_err()
            .to_string();
        let (pid, folder_name) = (std::process::id(), folder.path().display());
        let expected = format!("another registry (process {pid}) runs in {folder_name}");
        assert_eq!(refused, expected);
        drop(first);
        Lock::acquire(folder.path(), "registry").unwrap();
    }
}
