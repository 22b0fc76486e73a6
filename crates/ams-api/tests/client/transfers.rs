//! Uploads and exports arrive complete or not at all.

use std::{
    fs::File,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::support::{
    FakeAms, Recorder, TestRequest, TestResponse, TestServer, bytes, cut, operation, refused,
    started,
};
use aar_types::Digest;
use ams_api::{Error, PackageBody, headers};
use bytes::Bytes;
use http::StatusCode;
use sha2::Digest as _;

fn sha256(content: &[u8]) -> Digest {
    Digest::from_bytes(sha2::Sha256::digest(content).into())
}

fn package(content: &[u8]) -> PackageBody {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    PackageBody::hashed(file, &|_| {}).unwrap()
}

fn image(content: &'static [u8], announced: Digest) -> TestResponse {
    let response = bytes(StatusCode::OK, Bytes::from_static(content));
    with_export_headers(response, announced)
}

fn with_export_headers(mut response: TestResponse, announced: Digest) -> TestResponse {
    let fields = response.headers_mut();
    let name = "attachment; filename=candy_0.tar.zst";
    fields.insert("content-disposition", name.parse().unwrap());
    let announced = announced.to_string().parse().unwrap();
    fields.insert(headers::FINGERPRINT, announced);
    response
}

fn files_in(server: &TestServer) -> Vec<String> {
    let entries = std::fs::read_dir(server.folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "unix.socket").collect()
}

#[tokio::test]
async fn hashed_package_arrives_complete_with_its_digest() {
    let content = vec![0x5a; 3_000_000];
    let package = package(&content);
    assert_eq!(package.digest(), Some(sha256(&content)));
    let uploads = Recorder::default();
    let recorder = uploads.clone();
    let server = TestServer::on_tls(
        move |request: TestRequest| {
            let announced = request.headers[headers::FINGERPRINT].to_str().unwrap();
            let announced = announced.to_owned();
            recorder.record((request.target, announced, sha256(&request.body)));
            started(&operation(103, "", 0))
        },
        |shown| shown,
    )
    .await;
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let progress = move |bytes| counter.store(bytes, Ordering::SeqCst);
    let created = server.client.create_application(&package, true, progress);
    let names: Vec<_> = {
        let operation = created.await.unwrap();
        operation
            .resource_names("applications")
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(names, ["bkmtdm9hpuo01q954fng"]);
    assert_eq!(sent.load(Ordering::SeqCst), 3_000_000);
    let target = "/1.0/applications?vm=true".to_owned();
    let digest = sha256(&content);
    assert_eq!(uploads.all(), [(target, digest.to_string(), digest)]);
}

#[tokio::test]
async fn local_package_arrives_complete_without_a_digest() {
    let content = vec![0x5a; 3_000_000];
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let written = content.clone();
    let packages = [
        PackageBody::from_file(file, 3_000_000),
        PackageBody::from_writer(move |out| Ok(out.write_all(&written)?)),
    ];
    let uploads = Recorder::default();
    let recorder = uploads.clone();
    let server = TestServer::on_socket(move |request: TestRequest| {
        let has_digest = request.headers.contains_key(headers::FINGERPRINT);
        recorder.record((has_digest, sha256(&request.body)));
        started(&operation(103, "", 0))
    });
    assert!(server.client.is_local());
    for package in &packages {
        let created = server.client.create_application(package, false, |_| {});
        created.await.unwrap();
    }
    assert_eq!(uploads.all(), [(false, sha256(&content)); 2]);
}

#[tokio::test]
async fn package_whose_writer_panics_does_not_arrive() {
    let complete = Recorder::default();
    let recorder = complete.clone();
    let server = TestServer::on_socket(move |request: TestRequest| {
        recorder.record(request.body);
        started(&operation(103, "", 0))
    });
    let package = PackageBody::from_writer(|out| {
        out.write_all(&vec![7; 1_000_000])?;
        panic!("a defect")
    });
    let created = server.client.create_application(&package, false, |_| {});
    created.await.unwrap_err();
    assert!(complete.all().is_empty());
}

#[tokio::test]
async fn package_whose_writer_fails_reports_the_cause() {
    let server = TestServer::on_socket(|_| started(&operation(103, "", 0)));
    let package = PackageBody::from_writer(|_| Err("app.apk has gone".into()));
    let created = server.client.create_application(&package, false, |_| {});
    let error = created.await.unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    let messages: Vec<_> = causes.map(ToString::to_string).collect();
    assert!(
        messages.iter().any(|it| it == "app.apk has gone"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn package_can_be_sent_twice() {
    let package = package(b"content");
    let bodies = Recorder::default();
    let recorder = bodies.clone();
    let server = TestServer::on_socket(move |request: TestRequest| {
        recorder.record(request.body);
        refused(400, "the manifest has no name")
    });
    for _ in 0..2 {
        let refused = server.client.update_package("candy", &package, |_| {});
        let error = refused.await.unwrap_err();
        assert_eq!(error.to_string(), "the manifest has no name");
    }
    assert_eq!(bodies.all(), ["content", "content"]);
}

/// Refuses uploads without reading the body.
struct Refusing;

impl FakeAms for Refusing {
    fn respond(&self, _: TestRequest) -> TestResponse {
        refused(403, "this client may not do that")
    }

    fn reads_bodies(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn refusal_in_the_middle_of_an_upload_is_reported() {
    let package = package(&vec![1; 20_000_000]);
    let tls = TestServer::on_tls(Refusing, |shown| shown).await;
    for server in [TestServer::on_socket(Refusing), tls] {
        let created = server.client.create_application(&package, false, |_| {});
        let error = created.await.unwrap_err();
        assert_eq!(error.to_string(), "this client may not do that");
    }
}

#[tokio::test]
async fn exported_image_is_written_with_its_size_and_digest() {
    let server = TestServer::on_socket(|_: TestRequest| image(b"an image", sha256(b"an image")));
    let export = server.client.export("candy", 0).await.unwrap();
    assert_eq!(export.file_name(), Some("candy_0.tar.zst"));
    assert_eq!(export.size(), Some(8));
    let path = server.path("out");
    let exported = export.write(&path, |_| {}).await.unwrap();
    assert_eq!((exported.size, exported.digest), (8, sha256(b"an image")));
    assert_eq!(std::fs::read(path).unwrap(), b"an image");
}

#[tokio::test]
async fn damaged_image_does_not_replace_the_file() {
    let server = TestServer::on_socket(|_: TestRequest| image(b"an imagE", sha256(b"an image")));
    let path = server.path("out");
    File::create(&path).unwrap().write_all(b"before").unwrap();
    let export = server.client.export("candy", 0).await.unwrap();
    let error = export.write(&path, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(path).unwrap(), b"before");
    assert_eq!(files_in(&server), ["out"]);
}

/// Creates a pipe and reads it to its end.
fn read_pipe(path: &std::path::Path) -> std::thread::JoinHandle<Vec<u8>> {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
    let path = path.to_owned();
    std::thread::spawn(move || std::fs::read(path).unwrap())
}

#[tokio::test]
async fn image_written_to_a_pipe_is_verified_at_its_end() {
    let server = TestServer::on_socket(|request: TestRequest| {
        let is_intact = request.target.contains("candy");
        image(
            if is_intact { b"an image" } else { b"an imagE" },
            sha256(b"an image"),
        )
    });
    let path = server.path("pipe");
    let reader = read_pipe(&path);
    let export = server.client.export("candy", 0).await.unwrap();
    let exported = export.write(&path, |_| {}).await.unwrap();
    assert_eq!((exported.size, exported.digest), (8, sha256(b"an image")));
    assert_eq!(reader.join().unwrap(), b"an image");

    std::fs::remove_file(&path).unwrap();
    let reader = read_pipe(&path);
    let export = server.client.export("damaged", 0).await.unwrap();
    let error = export.write(&path, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("discard"), "{error:?}");
    assert_eq!(reader.join().unwrap(), b"an imagE");
    assert_eq!(files_in(&server), ["pipe"]);
}

#[tokio::test]
async fn interrupted_download_leaves_no_file() {
    let digest = sha256(b"a whole image");
    let server = TestServer::on_socket(move |_: TestRequest| {
        with_export_headers(cut(b"a whole", 13), digest)
    });
    let export = server.client.export("candy", 0).await.unwrap();
    let error = export.write(&server.path("out"), |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert_eq!(files_in(&server), Vec::<String>::new());
}

#[tokio::test]
async fn image_without_a_digest_is_refused() {
    let server =
        TestServer::on_socket(|_: TestRequest| bytes(StatusCode::OK, Bytes::from_static(b"x")));
    let error = server.client.export("candy", 0).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn export_to_a_missing_folder_reports_the_file_error() {
    let server = TestServer::on_socket(|_: TestRequest| image(b"an image", sha256(b"an image")));
    let export = server.client.export("candy", 0).await.unwrap();
    let error = export.write(&server.path("missing/out"), |_| {}).await;
    assert!(matches!(error.unwrap_err(), Error::File(_)));
}
