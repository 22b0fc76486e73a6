//! Ends what a test process has started, however the test process ends.
//!
//! Destructors run neither after `kill -9` nor for statics. So a shell reads the processes and folders of
//! the test from a pipe. The pipe closes with the test process; the shell then kills the processes and
//! removes the folders. Every process leads a process group, so that its own children end with it.

use std::{
    io::{self, Write},
    ops::{Deref, DerefMut},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process_group};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' '
folders=
while read -r event object; do
    case $event in
        started) pids="$pids$object " ;;
        ended) pids="${pids%% $object *} ${pids#* $object }" ;;
        created) folders="$folders
$object" ;;
    esac
done
for pid in $pids; do kill -s KILL -- "-$pid"; done
[ -z "${pids# }" ] || sleep 0.3
printf '%s\n' "$folders" | while read -r folder; do
    [ -z "$folder" ] || rm -rf -- "$folder"
done
"#;

/// The input of the shell. It leads a process group too: what kills the group of the test spares it.
#[expect(clippy::zombie_processes, reason = "it outlives this process")]
static SHELL: LazyLock<Mutex<ChildStdin>> = LazyLock::new(|| {
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, "test-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    Mutex::new(shell.stdin.take().unwrap())
});

fn report(event: &str, object: &str) {
    let mut shell = SHELL.lock().unwrap_or_else(PoisonError::into_inner);
    shell
        .write_all(format!("{event} {object}\n").as_bytes())
        .unwrap();
}

/// Removes a folder when the test process ends, unless it is gone by then.
pub(crate) fn remove_at_exit(folder: &Path) {
    report("created", folder.to_str().unwrap());
}

/// A process that ends, with its children, when it is dropped or when the test process ends.
#[derive(Debug)]
pub(crate) struct WatchedChild(Child);

impl WatchedChild {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        report("started", &child.id().to_string());
        Ok(Self(child))
    }

    /// Kills the process with its children, and waits until it has ended.
    pub(crate) fn kill_group(&mut self) {
        let leader = Pid::from_raw(self.0.id().cast_signed()).unwrap();
        // There is no such group when the process and its children have ended already.
        let _no_group = kill_process_group(leader, Signal::KILL);
        let _already_reaped = self.0.wait();
    }
}

impl Deref for WatchedChild {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for WatchedChild {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for WatchedChild {
    fn drop(&mut self) {
        self.kill_group();
        report("ended", &self.0.id().to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::{env, path::PathBuf};

    use super::*;
    use crate::{Folder, SOON, until};

    const FOLDER: &str = "AAR_TEST_WATCHDOG_FOLDER";

    /// A shell with a child of its own; both process ids are written to a file.
    fn family(pids: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                r#"sleep 600 & echo $$ $! > "$1.new"; mv "$1.new" "$1"; wait"#,
                "sh",
            ])
            .arg(pids);
        command
    }

    fn pids_in(file: &Path) -> Vec<String> {
        until("the process ids are written", SOON, || file.exists());
        let text = fs_err::read_to_string(file).unwrap();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// A zombie that its parent has not waited for does not run any more.
    fn is_running(pid: &str) -> bool {
        let status = fs_err::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.contains("State:") && !status.contains("State:\tZ")
    }

    #[test]
    fn dropped_child_ends_with_its_children() {
        let folder = Folder::new("watchdog");
        let child = WatchedChild::spawn(&mut family(&folder.join("pids"))).unwrap();
        let pids = pids_in(&folder.join("pids"));
        assert_eq!(pids.len(), 2);
        assert!(pids.iter().all(|pid| is_running(pid)));
        drop(child);
        until("both end", SOON, || !pids.iter().any(|pid| is_running(pid)));
    }

    /// Runs only in the process that the next test starts and kills.
    #[test]
    #[ignore = "the other half of killed_test_process_leaves_nothing"]
    fn test_process_that_is_killed() {
        let pids = PathBuf::from(env::var_os(FOLDER).unwrap());
        let folder = Folder::new("orphan");
        folder.write("content", "x");
        fs_err::write(
            pids.join("folder"),
            folder.path().as_os_str().as_encoded_bytes(),
        )
        .unwrap();
        let _ended = WatchedChild::spawn(&mut Command::new("true")).unwrap();
        let mut child = WatchedChild::spawn(&mut family(&pids.join("pids"))).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn killed_test_process_leaves_nothing() {
        let shared = Folder::new("watchdog");
        let mut test = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "test_process_that_is_killed"])
            .env(FOLDER, shared.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pids = pids_in(&shared.join("pids"));
        assert_eq!(pids.len(), 2);
        let folder = PathBuf::from(fs_err::read_to_string(shared.join("folder")).unwrap());
        assert!(folder.is_dir());
        test.kill().unwrap();
        test.wait().unwrap();
        until("its processes and folders are gone", SOON, || {
            !folder.exists() && !pids.iter().any(|pid| is_running(pid))
        });
    }
}
