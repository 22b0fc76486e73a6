use std::{
    io::Write,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Reads process ids until nobody is left to write any; then those processes go, and the folder.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
while read -r pid; do pids="$pids $pid"; done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
sleep 0.3
[ -n "$AAR_TEST_KEEP" ] || rm -rf "$1"
"#;

/// Sees to it that servers end with the test program that shares them among its tests, however it
/// ends. What is shared is never dropped; a pipe is closed even by `kill -9`.
#[derive(Debug)]
pub(super) struct Keeper {
    tell: ChildStdin,
    _shell: Child,
}

impl Keeper {
    /// Begins to watch over a folder.
    pub(super) fn of(folder: &Path) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tell = shell.stdin.take().unwrap();
        Self {
            tell,
            _shell: shell,
        }
    }

    /// Watches over a process, too.
    pub(super) fn watch(&mut self, id: u32) {
        writeln!(self.tell, "{id}").unwrap();
    }
}
