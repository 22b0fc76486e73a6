//! The service in its environment: umask, signals, exposed keys.

use std::{
    fs::{FileType, Permissions},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
};

use rustix::process::{Pid, Signal, kill_process};
use walkdir::WalkDir;

use crate::{Service, base, run};

/// The files and folders below the base folder that are not private, without the ones that tests make.
fn exposed(base: &Path) -> Vec<String> {
    let expected = |kind: FileType| if kind.is_dir() { 0o700 } else { 0o600 };
    let made_by_tests = ["conf", "conf/main.yaml", "log"];
    let entries = WalkDir::new(base)
        .min_depth(1)
        .into_iter()
        .map(Result::unwrap);
    entries
        .filter(|entry| {
            !made_by_tests.contains(&entry.path().strip_prefix(base).unwrap().to_str().unwrap())
        })
        .filter_map(|entry| {
            let metadata = entry.metadata().unwrap();
            let mode = metadata.permissions().mode() & 0o777;
            let is_exposed = mode != expected(metadata.file_type());
            is_exposed.then(|| format!("{}: {mode:o}", entry.path().display()))
        })
        .collect()
}

#[test]
fn files_and_folders_are_private_whatever_the_umask() {
    for umask in ["000", "022", "277"] {
        let base = base();
        let service = Service::start_after(base.path(), &format!("umask {umask}"));
        let (code, _, stderr) = run(base.path(), &["trust", "add"], &crate::certificate());
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(exposed(base.path()), [""; 0], "umask {umask}");
        let control = base.path().join("run/control.socket");
        assert!(fs_err::metadata(control).unwrap().file_type().is_socket());
        drop(service);
    }
}

#[test]
fn key_that_others_could_read_is_made_private_and_reported() {
    let base = base();
    drop(Service::start(base.path()));
    let key = base.path().join("certs/server.key");
    fs_err::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let service = Service::start(base.path());
    let mode = fs_err::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        service.log().contains("could read the private key"),
        "{}",
        service.log()
    );
}

#[test]
fn hangup_does_not_stop_the_service() {
    let base = base();
    let service = Service::start(base.path());
    let pid = Pid::from_child(&service.child);
    for _ in 0..3 {
        kill_process(pid, Signal::HUP).unwrap();
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !service.log().contains("SIGHUP has no effect") {
        assert!(std::time::Instant::now() < deadline, "{}", service.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (code, _, stderr) = run(base.path(), &["status"], "");
    assert_eq!(code, Some(0), "{stderr}");
    service.signal();
    let (code, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("registry stopped"), "{log}");
}
