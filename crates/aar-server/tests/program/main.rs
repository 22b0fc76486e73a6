//! The built program `aar`: standard input, signals, readiness.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod environment;
mod operations;
mod strangers;

use std::{
    fs::File,
    io::Write as _,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use aar_http::{HttpClient, HttpOptions, Method};
use aar_tls::{Identity, NewIdentity, ServerTrust};
use aar_types::Clock;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn base() -> TempDir {
    base_with("")
}

/// A base folder whose configuration has a listen address and more lines.
fn base_with(more: &str) -> TempDir {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs_err::create_dir(base.path().join("conf")).unwrap();
    let config = format!("http:\n  addr: 127.0.0.1:0\n{more}");
    fs_err::write(base.path().join("conf/main.yaml"), config).unwrap();
    base
}

/// A base folder with a registry, which does not run.
fn with_registry() -> TempDir {
    let base = base();
    drop(Service::start(base.path()));
    base
}

fn aar(base: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aar"));
    command.args(arguments).env("AAR_BASE_DIR", base);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(base: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = aar(base, arguments).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A running service, which is killed at the end of the test.
struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts the service and waits until it is ready.
    fn start(base: &Path) -> Self {
        Self::start_after(base, ":")
    }

    /// Starts the service after a command of the shell.
    fn start_after(base: &Path, before: &str) -> Self {
        let (socket, log) = (base.join("notify"), base.join("log"));
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_aar");
        command
            .args(["-c", &format!("{before}; exec \"$0\" serve"), program])
            .env("AAR_BASE_DIR", base)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let service = Self { child, log };
        let mut message = [0; 64];
        let length = manager
            .recv(&mut message)
            .expect("the service is not ready in time");
        assert_eq!(&message[..length], b"READY=1\n");
        fs_err::remove_file(socket).unwrap();
        service
    }

    fn log(&self) -> String {
        fs_err::read_to_string(&self.log).unwrap()
    }

    /// The listen address, from the log.
    fn address(&self) -> String {
        let log = self.log();
        let address = log.split_once("address=").unwrap().1;
        address.split_whitespace().next().unwrap().to_owned()
    }

    /// The entries of a JSON log.
    fn lines(&self) -> Vec<serde_json::Value> {
        parsed(&self.log())
    }

    fn signal(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end. Returns exit code and log.
    fn wait(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.log())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The entries of a JSON log.
fn parsed(log: &str) -> Vec<serde_json::Value> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    log.lines().map(line).collect()
}

fn certificate() -> String {
    identity().certificate().to_pem()
}

fn identity() -> Identity {
    let now = Clock::system().now();
    let new = NewIdentity {
        common_name: "ams0".to_owned(),
        hosts: vec![],
        not_before: now,
        not_after: now + Duration::from_hours(1),
    };
    Identity::generate(&new).unwrap()
}

#[test]
fn certificate_is_read_from_standard_input() {
    let base = with_registry();
    let (code, stdout, stderr) = run(base.path(), &["trust", "add"], &certificate());
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(stderr.contains("is trusted as client"), "{stderr}");
    let (code, _, stderr) = run(base.path(), &["trust", "add"], "");
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: standard input: "), "{stderr}");
}

#[test]
fn folder_without_a_registry_is_refused_and_that_of_the_machine_is_named() {
    let (base, empty) = (with_registry(), base());
    let folder = empty.path().to_str().unwrap();
    for command in [&["trust", "add"][..], &["trust", "list"]] {
        let line = [command, &["--base-dir", folder]].concat();
        let (code, _, stderr) = run(base.path(), &line, &certificate());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(
            stderr.contains(&format!("{folder} has no registry")),
            "{stderr}"
        );
        let named = format!("select it with --base-dir {}", base.path().display());
        assert!(stderr.contains(&named), "{stderr}");
        assert!(!empty.path().join("registry.sqlite").exists());
    }
}

#[test]
fn confirmation_is_read_from_standard_input() {
    let base = with_registry();
    run(base.path(), &["trust", "add"], &certificate());
    let (_, listed, _) = run(base.path(), &["trust", "list", "--format", "csv"], "");
    let fingerprint = listed.lines().nth(1).unwrap().split(',').next().unwrap();
    let revoke = ["trust", "revoke", fingerprint];
    let (code, _, stderr) = run(base.path(), &revoke, "");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("pass --yes"), "{stderr}");
    let (code, _, stderr) = run(base.path(), &revoke, "n\n");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("nothing was changed"), "{stderr}");
    let (code, _, stderr) = run(base.path(), &revoke, "y\n");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("is revoked"), "{stderr}");
}

#[test]
fn missing_application_is_refused_without_a_question() {
    let base = with_registry();
    run(base.path(), &["trust", "add"], &certificate());
    for arguments in [
        &["application", "delete", "nothere"][..],
        &[
            "application",
            "delete",
            "nothere",
            "--architecture",
            "arm64",
        ],
    ] {
        let (code, _, stderr) = run(base.path(), arguments, "y\n");
        assert_eq!(code, Some(1));
        assert!(stderr.starts_with("error: application nothere"), "{stderr}");
    }
}

#[test]
fn service_reports_readiness_and_stops_on_a_signal() {
    let base = base();
    let service = Service::start(base.path());
    let (code, _, stderr) = run(base.path(), &["serve"], "");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another registry (process "), "{stderr}");
    service.signal();
    let (code, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("registry stopped"), "{log}");
}

#[test]
fn hangup_signal_does_not_end_the_service() {
    let base = base();
    let service = Service::start(base.path());
    kill_process(Pid::from_child(&service.child), Signal::HUP).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !service.log().contains("SIGHUP has no effect") {
        assert!(std::time::Instant::now() < deadline, "{}", service.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    service.signal();
    assert_eq!(service.wait().0, Some(0));
}

#[test]
fn commands_work_while_the_service_runs() {
    let base = base();
    let service = Service::start(base.path());
    let (code, _, stderr) = run(base.path(), &["trust", "add"], &certificate());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("warning"), "{stderr}");
    let (code, _, stderr) = run(base.path(), &["storage", "rebuild"], "");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("hint: stop the registry first"), "{stderr}");
    service.signal();
    assert_eq!(service.wait().0, Some(0));
}

#[test]
fn usage_error_has_exit_code_2() {
    let (code, stdout, _) = run(base().path(), &["trust", "frobnicate"], "");
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
}

#[tokio::test]
async fn refusal_is_logged_once_with_fingerprint_address_route_and_reason() {
    let base = base();
    let service = Service::start(base.path());
    let unknown = identity();
    let options = HttpOptions {
        identity: Some(unknown.clone()),
        ..HttpOptions::new(ServerTrust::Observe(Arc::default()), "aar-tests")
    };
    let url = format!("https://{}/1.0/applications/game", service.address());
    let client = HttpClient::new(options).unwrap();
    let request = client.request(Method::GET, url.parse().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 403);
    service.signal();
    let (_, log) = service.wait();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("request refused"))
        .collect();
    let [line] = lines[..] else { panic!("{log}") };
    for field in [
        &format!("fingerprint=\"{}\"", unknown.certificate().fingerprint()),
        "address=\"127.0.0.1:",
        "method=\"GET\"",
        "route=\"/1.0/applications/{name}\"",
        "reason=\"certificate_unknown\"",
        "WARN",
    ] {
        assert!(line.contains(field), "no {field} in {line}");
    }
}

#[tokio::test]
async fn failure_is_logged_once_and_the_response_has_its_request_id() {
    let base = base_with("logger: {format: json}\n");
    let service = Service::start(base.path());
    let client = identity();
    run(
        base.path(),
        &["trust", "add", "-p"],
        &client.certificate().to_pem(),
    );
    let options = HttpOptions {
        identity: Some(client.clone()),
        ..HttpOptions::new(ServerTrust::Observe(Arc::default()), "aar-tests")
    };
    let lines = service.lines();
    let address = lines.iter().find_map(|line| line["address"].as_str());
    let address = address.unwrap();
    let url = format!("https://{address}/1.0/uploads");
    // A file in place of the folder of uploads.
    let staging = base.path().join("data/staging");
    fs_err::remove_dir_all(&staging).unwrap();
    fs_err::write(&staging, "in the way").unwrap();
    let digest = BASE64_STANDARD.encode("0".repeat(64));
    let posted = HttpClient::new(options)
        .unwrap()
        .request(Method::POST, url.parse().unwrap())
        .header("Tus-Resumable", "1.0.0")
        .header("Upload-Length", 5)
        .header("Upload-Metadata", format!("digest {digest}"))
        .header("Content-Type", "application/offset+octet-stream")
        .body("image");
    let response = posted.send().await.unwrap();
    assert_eq!(response.status(), 500, "{:?}", service.lines());
    let body = response.json::<serde_json::Value>().await.unwrap();
    service.signal();
    let (_, log) = service.wait();
    let lines = parsed(&log);
    let failures: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "ERROR")
        .collect();
    let [failure] = failures[..] else {
        panic!("{log}")
    };
    assert_eq!(failure["message"], "request failed");
    assert_eq!(failure["request_id"], body["request_id"], "{body}");
    let fingerprint = client.certificate().fingerprint().to_string();
    assert_eq!(failure["fingerprint"], fingerprint.as_str());
    assert!(
        failure["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(
        failure["timestamp"].is_string() && failure["error"].is_string(),
        "{failure}"
    );
}

/// Runs the service until it is ready, and stops it. Returns its log.
fn serve_once(base: &Path) -> String {
    let service = Service::start(base);
    service.signal();
    let (code, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    log
}

/// Role and fingerprint of the trusted certificates.
fn trusted(base: &Path) -> Vec<(String, String)> {
    let (_, list, _) = run(base, &["trust", "list", "--format", "json"], "");
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
    let mut list: Vec<_> = list
        .iter()
        .map(|one| (text(one, "Role"), text(one, "Fingerprint")))
        .collect();
    list.sort();
    list
}

/// Puts a new certificate into a file, and returns its role and fingerprint.
fn put_certificate(base: &Path, file: &str) -> (String, String) {
    let identity = identity();
    let path = base.join(file);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, identity.certificate().to_pem()).unwrap();
    let role = if file.contains("publishers") {
        "publisher"
    } else {
        "client"
    };
    let fingerprint = identity.certificate().fingerprint();
    (role.to_owned(), fingerprint.to_string())
}

#[test]
fn certificates_of_another_registry_are_imported_once_and_withdrawn_with_their_file() {
    let base = base();
    let base = base.path();
    let kept = put_certificate(base, "certs/clients/kept.crt");
    let removed = put_certificate(base, "certs/clients/removed.crt");
    let gone = put_certificate(base, "certs/clients/gone.crt");
    let publisher = put_certificate(base, "certs/publishers/p.crt");
    fs_err::write(base.join("certs/clients/bad.crt"), "hello").unwrap();

    let log = serve_once(base);
    assert!(log.contains("certs/clients/bad.crt"), "{log}");
    let mut all = [&kept, &removed, &gone, &publisher].map(Clone::clone);
    all.sort();
    assert_eq!(trusted(base), all);

    let (code, ..) = run(base, &["trust", "remove", &removed.1], "");
    assert_eq!(code, Some(0));
    fs_err::remove_file(base.join("certs/clients/gone.crt")).unwrap();
    fs_err::remove_file(base.join("certs/publishers/p.crt")).unwrap();
    serve_once(base);
    // The folder of publishers is empty, which withdraws nothing.
    assert_eq!(trusted(base), [kept.clone(), publisher.clone()]);
    let (_, audit, _) = run(base, &["audit", "--format", "json"], "");
    assert!(
        audit.contains("certs/clients/gone.crt was removed"),
        "{audit}"
    );

    // A database that is rebuilt from the storage does not import again what was removed.
    for end in ["", "-wal", "-shm"] {
        let _absent = fs_err::remove_file(base.join(format!("registry.sqlite{end}")));
    }
    let (code, _, error) = run(base, &["storage", "rebuild"], "");
    assert_eq!(code, Some(0), "{error}");
    serve_once(base);
    assert_eq!(trusted(base), [kept, publisher]);
}

#[test]
fn failed_handshake_is_logged_with_address_and_reason() {
    let base = base();
    let service = Service::start(base.path());
    let mut plain = std::net::TcpStream::connect(service.address()).unwrap();
    let address = plain.local_addr().unwrap().to_string();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // The server has logged the failure when it closes the connection.
    let _alert = std::io::Read::read_to_end(&mut plain, &mut Vec::new());
    service.signal();
    let (_, log) = service.wait();
    let line = log.lines().find(|line| line.contains("handshake failed"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains(&address) && line.contains("reason="),
        "{line}"
    );
}
