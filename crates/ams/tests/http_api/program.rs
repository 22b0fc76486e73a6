//! The built program: first start, refusals, stop.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixListener},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use aar_testkit::{skip, tool};
use rustix::process::{Pid, Signal, getuid, kill_process};

/// A running `ams`, which is killed when it is dropped.
struct AmsProcess {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for AmsProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl AmsProcess {
    fn start(base: &Path) -> Self {
        Self::start_with(base, &[])
    }

    fn start_with(base: &Path, environment: &[(&str, &Path)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ams"))
            .arg("--base-dir")
            .arg(base)
            .arg("serve")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    fn ready(mut self) -> Self {
        let mut log = String::new();
        while !log.ends_with("\"ready\"}\n") && !log.contains("ready address") {
            assert!(self.log.read_line(&mut log).unwrap() > 0, "it ended: {log}");
        }
        self
    }

    fn signal(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
    }

    fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

/// A base folder with a listen address on loopback.
fn base(port: u16) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    write_settings(folder, port, "")
}

fn write_settings(base: tempfile::TempDir, port: u16, more: &str) -> tempfile::TempDir {
    let server = base.path().join("server");
    std::fs::create_dir(&server).unwrap();
    let settings = format!("listen-address: 127.0.0.1:{port}\n{more}");
    std::fs::write(server.join("settings.yaml"), settings).unwrap();
    base
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

const DATABASE: [&str; 3] = ["server/ams.db", "server/ams.db-wal", "server/ams.db-shm"];

#[test]
fn database_is_private_even_if_it_was_restored_with_another_mode() {
    let base = base(0);
    let path = |name: &str| base.path().join(name);
    let all_private = |when: &str| {
        for file in DATABASE {
            assert_eq!(mode(&path(file)), 0o600, "{file}, {when}");
        }
    };
    let first = AmsProcess::start(base.path()).ready();
    all_private("new");
    first.signal();
    assert!(first.end().0.success());
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path(DATABASE[0]), open).unwrap();
    let _again = AmsProcess::start(base.path()).ready();
    all_private("put back");
}

#[test]
fn first_start_creates_private_files_and_sigterm_stops_the_service() {
    let base = base(0);
    let program = AmsProcess::start(base.path()).ready();
    let path = |name: &str| base.path().join(name);
    for key in ["server/server.key", "registry/client.key"] {
        assert_eq!(mode(&path(key)), 0o600, "{key}");
    }
    for folder in [
        "registry",
        "data/artifacts/images",
        "data/artifacts/staging",
    ] {
        assert_eq!(mode(&path(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&path("server/unix.socket")), 0o660);
    assert!(path("server/server.crt").exists() && path("registry/client.crt").exists());
    let certificate = std::fs::read(path("server/server.crt")).unwrap();

    program.signal();
    let (status, log) = program.end();
    assert!(status.success(), "{log}");
    assert!(
        !path("server/unix.socket").exists(),
        "the socket file is left"
    );

    // A stale socket is replaced, and the certificate is kept.
    drop(UnixListener::bind(path("left")).unwrap());
    std::fs::rename(path("left"), path("server/unix.socket")).unwrap();
    let again = AmsProcess::start(base.path()).ready();
    assert_eq!(
        std::fs::read(path("server/server.crt")).unwrap(),
        certificate
    );
    again.signal();
    assert!(again.end().0.success());
}

#[test]
fn service_manager_is_notified_and_the_log_is_json() {
    let base = write_settings(
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        0,
        "logger: {level: info, format: json}\n",
    );
    let socket = base.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let notification = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let program = AmsProcess::start_with(base.path(), &[("NOTIFY_SOCKET", &socket)]);
    assert!(notification().contains("READY=1"));
    program.signal();
    assert!(notification().contains("STOPPING=1"));
    let (status, log) = program.end();
    assert!(status.success(), "{log}");
    assert!(log.lines().count() > 1, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO", "{line}");
        assert!(
            line["message"].is_string() && line["timestamp"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn second_process_on_the_base_folder_is_refused() {
    let base = base(0);
    let _first = AmsProcess::start(base.path()).ready();
    let (status, log) = AmsProcess::start(base.path()).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("error: "), "{log}");
    assert!(log.contains(base.path().to_str().unwrap()), "{log}");
}

#[test]
fn allowed_users_reach_only_the_socket() {
    let base = base(0);
    let settings = base.path().join("server/settings.yaml");
    let more = std::fs::read_to_string(&settings).unwrap() + "allowed-uids: [12345]\n";
    std::fs::write(&settings, more).unwrap();
    let _program = AmsProcess::start(base.path()).ready();
    let path = |name: &str| base.path().join(name);
    assert_eq!(mode(&path("server/unix.socket")), 0o666);
    for folder in ["", "server"] {
        assert_eq!(
            mode(&path(folder)) & 0o077,
            0o011 | (mode(&path(folder)) & 0o066)
        );
    }
    for secret in DATABASE.into_iter().chain(["server/server.key"]) {
        assert_eq!(mode(&path(secret)), 0o600, "{secret}");
    }
    for folder in ["registry", "data"] {
        assert_eq!(mode(&path(folder)) & 0o077, 0, "{folder}");
    }
}

/// The status of a request of a local user.
fn status_for(uid: u32, socket: &Path) -> String {
    let response = Command::new("curl")
        .args([
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ])
        .args(["http://localhost/1.0/config", "--unix-socket"])
        .arg(socket)
        .uid(uid)
        .gid(uid)
        .output()
        .unwrap();
    assert!(response.status.success(), "{response:?}");
    String::from_utf8(response.stdout).unwrap()
}

#[test]
fn socket_authorises_only_allowed_users() {
    let what = "users of the socket";
    if !getuid().is_root() {
        return skip(what, "only root can send a request as another user");
    }
    if tool("curl").is_none() {
        return skip(what, "there is no curl");
    }
    // Other users may not have access to the target folder.
    let base = write_settings(tempfile::tempdir().unwrap(), 0, "allowed-uids: [12345]\n");
    let _program = AmsProcess::start(base.path()).ready();
    let socket = base.path().join("server/unix.socket");
    let statuses = [0, 12345, 12346].map(|uid| status_for(uid, &socket));
    assert_eq!(statuses, ["200", "200", "403"]);
}

#[test]
fn socket_authorises_members_of_its_group() {
    let what = "members of the group of the socket";
    if !getuid().is_root() {
        return skip(what, "only root can send a request as another user");
    }
    if tool("curl").is_none() {
        return skip(what, "there is no curl");
    }
    // The user `nobody` is in the group `nogroup` alone, `daemon` is not in it.
    let base = tempfile::tempdir().unwrap();
    let base = write_settings(base, 0, "socket-group: nogroup\n");
    let _program = AmsProcess::start(base.path()).ready();
    let socket = base.path().join("server/unix.socket");
    assert_eq!(mode(&socket), 0o660);
    assert_eq!(status_for(65534, &socket), "200");
    let refused = Command::new("curl")
        .args(["--silent", "http://localhost/1.0/config", "--unix-socket"])
        .arg(&socket)
        .uid(1)
        .gid(1)
        .output()
        .unwrap();
    assert!(!refused.status.success(), "{refused:?}");
}

#[test]
fn unknown_socket_group_is_refused_with_its_line() {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let base = write_settings(base, 0, "socket-group: no-such-group\n");
    let (status, log) = AmsProcess::start(base.path()).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("settings.yaml:2"), "{log}");
    assert!(log.contains("no-such-group"), "{log}");
}

#[test]
fn certificate_of_the_vendors_ams_is_used() {
    let base = base(0);
    let server = base.path().join("server");
    drop(AmsProcess::start(base.path()).ready());
    for end in ["crt", "key"] {
        let from = server.join(format!("server.{end}"));
        std::fs::rename(from, server.join(format!("ams.{end}"))).unwrap();
    }
    let program = AmsProcess::start(base.path()).ready();
    assert!(!server.join("server.crt").exists());
    program.signal();
    assert!(program.end().0.success());
    std::fs::remove_file(server.join("ams.key")).unwrap();
    let (status, log) = AmsProcess::start(base.path()).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("ams.key"), "{log}");
}

#[test]
fn address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let base = base(address.port());
    let (status, log) = AmsProcess::start(base.path()).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&address.to_string()), "{log}");
}

#[test]
fn hangup_does_not_stop_the_service() {
    let base = base(0);
    let mut program = AmsProcess::start(base.path()).ready();
    kill_process(Pid::from_child(&program.child), Signal::HUP).unwrap();
    let mut line = String::new();
    while !line.contains("SIGHUP has no effect") {
        line.clear();
        assert!(program.log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    program.signal();
    assert!(program.end().0.success());
}

#[test]
fn second_signal_ends_the_service_at_once() {
    let base = base(0);
    let program = AmsProcess::start(base.path()).ready();
    // A request that never ends: its upload stalls.
    let mut slow = std::os::unix::net::UnixStream::connect(base.path().join("server/unix.socket"));
    let request =
        b"POST /1.0/applications HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n";
    std::io::Write::write_all(slow.as_mut().unwrap(), request).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    program.signal();
    std::thread::sleep(Duration::from_millis(300));
    program.signal();
    let (status, log) = program.end();
    assert_eq!(status.code(), Some(130), "{log}");
}

#[test]
fn missing_metrics_certificate_is_named_with_its_setting() {
    let base = base(0);
    let settings = concat!(
        "metrics: {prometheus: {listen-address: '127.0.0.1:0', ",
        "tls: {cert: no/such.crt, key: no/such.key}}}\n",
    );
    std::fs::write(base.path().join("server/settings.yaml"), settings).unwrap();
    let (status, log) = AmsProcess::start(base.path()).end();
    assert_eq!(status.code(), Some(1));
    for part in ["settings.yaml", "metrics.prometheus.tls", "no/such.crt"] {
        assert!(log.contains(part), "{log}");
    }
}
