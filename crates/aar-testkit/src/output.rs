use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{process::peak_memory_of, watchdog::WatchedChild};

/// The result of a command.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; -1 if a signal ended the command.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The largest resident set, in bytes.
    pub peak_memory: u64,
}

impl Output {
    /// Runs a command to its end.
    pub fn run(command: &mut Command, input: &[u8]) -> Self {
        let shown = show(command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let spawned = WatchedChild::spawn(command);
        let mut child = spawned.unwrap_or_else(|e| panic!("{shown}: {e}"));
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        // A command may close its input without reading it.
        let _unread = child.stdin.take().unwrap().write_all(input);
        let out = std::thread::spawn(move || read(&mut stdout));
        let err = std::thread::spawn(move || read(&mut stderr));
        let (status, peak_memory) = watch(&mut child);
        Self {
            command: shown,
            code: status.code().unwrap_or(-1),
            stdout: out.join().unwrap(),
            stderr: err.join().unwrap(),
            peak_memory,
        }
    }

    /// Asserts that the command succeeded, and returns its standard output.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(
            self.code, 0,
            "{}: {}{}",
            self.command, self.stdout, self.stderr
        );
        self.stdout
    }

    /// Asserts that the command succeeded, and parses its standard output as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let command = self.command.clone();
        let text = self.success();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command}: {e}: {text}"))
    }

    /// Asserts that the command failed with exit code 1, and returns its standard error.
    #[track_caller]
    pub fn failure(self) -> String {
        assert_eq!(
            self.code, 1,
            "{}: {}{}",
            self.command, self.stdout, self.stderr
        );
        self.stderr
    }
}

/// Waits for the end, and polls the high-water mark of the memory, which disappears with the process.
fn watch(child: &mut std::process::Child) -> (std::process::ExitStatus, u64) {
    let mut peak = 0;
    loop {
        peak = peak_memory_of(child.id()).unwrap_or(peak).max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            return (status, peak);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn read(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap();
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// The SHA-256 of a file, as hexadecimal digits.
pub fn sha256(path: &Path) -> String {
    let mut file = fs_err::File::open(path).unwrap();
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    aar_types::Digest::from_bytes(hash.finalize().into()).to_string()
}
