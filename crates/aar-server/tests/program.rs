//! The built program `aar`: standard input, signals, readiness.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs::File,
    io::Write as _,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use aar_tls::{HttpOptions, Identity, NewIdentity, ServerTrust, http_client};
use aar_types::Clock;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn base() -> TempDir {
    furnished("")
}

/// A base folder with more in its configuration than where to listen.
fn furnished(more: &str) -> TempDir {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs_err::create_dir(base.path().join("conf")).unwrap();
    let config = format!("http:\n  addr: 127.0.0.1:0\n{more}");
    fs_err::write(base.path().join("conf/main.yaml"), config).unwrap();
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

/// A running service; killed at the end if the test has not stopped it.
struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts the service and waits until it says that it is ready.
    fn start(base: &Path) -> Self {
        let (socket, log) = (base.join("notify"), base.join("log"));
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut command = aar(base, &["serve"]);
        command
            .env("NOTIFY_SOCKET", &socket)
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

    /// Where it listens, as its log tells.
    fn address(&self) -> String {
        let log = self.log();
        let address = log.split_once("address=").unwrap().1;
        address.split_whitespace().next().unwrap().to_owned()
    }

    /// What was logged so far, where it is logged as JSON.
    fn lines(&self) -> Vec<serde_json::Value> {
        parsed(&self.log())
    }

    fn signal(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end: exit code and log.
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

/// The lines of a log. Each is an object.
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
fn a_certificate_is_read_from_standard_input() {
    let base = base();
    let (code, stdout, stderr) = run(base.path(), &["trust", "add"], &certificate());
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(stderr.contains("is trusted as client"), "{stderr}");
    let (code, _, stderr) = run(base.path(), &["trust", "add"], "");
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: standard input: "), "{stderr}");
}

#[test]
fn the_service_says_when_it_is_ready_and_stops_well_when_it_is_told() {
    let base = base();
    let service = Service::start(base.path());
    let (code, _, stderr) = run(base.path(), &["serve"], "");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("already in use by process"), "{stderr}");
    service.signal();
    let (code, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the registry has stopped"), "{log}");
}

#[test]
fn commands_work_beside_the_running_service() {
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
fn usage_has_an_exit_code_of_its_own() {
    let (code, stdout, _) = run(base().path(), &["trust", "frobnicate"], "");
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
}

#[tokio::test]
async fn every_refusal_is_logged_once_with_fingerprint_address_route_and_reason() {
    let base = base();
    let service = Service::start(base.path());
    let stranger = identity();
    let options = HttpOptions {
        identity: Some(stranger.clone()),
        ..HttpOptions::new(ServerTrust::Observe(Arc::default()), "aar-tests")
    };
    let url = format!("https://{}/1.0/applications/game", service.address());
    let answer = http_client(options).unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    service.signal();
    let (_, log) = service.wait();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("request refused"))
        .collect();
    let [line] = lines[..] else { panic!("{log}") };
    for told in [
        &format!("fingerprint=\"{}\"", stranger.certificate().fingerprint()),
        "address=\"127.0.0.1:",
        "method=\"GET\"",
        "route=\"/1.0/applications/{name}\"",
        "reason=\"certificate_unknown\"",
        "WARN",
    ] {
        assert!(line.contains(told), "no {told} in {line}");
    }
}

#[tokio::test]
async fn what_has_failed_is_logged_once_with_who_asked_and_the_answer_names_the_line() {
    let base = furnished("logger: {format: json}\n");
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
    // Where uploads are kept is a file.
    let staging = base.path().join("data/staging");
    fs_err::remove_dir_all(&staging).unwrap();
    fs_err::write(&staging, "in the way").unwrap();
    let digest = BASE64_STANDARD.encode("0".repeat(64));
    let posted = http_client(options)
        .unwrap()
        .post(url)
        .header("Tus-Resumable", "1.0.0")
        .header("Upload-Length", 5)
        .header("Upload-Metadata", format!("digest {digest}"))
        .header("Content-Type", "application/offset+octet-stream")
        .body("image");
    let answer = posted.send().await.unwrap();
    assert_eq!(answer.status(), 500, "{:?}", service.lines());
    let body = answer.json::<serde_json::Value>().await.unwrap();
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
