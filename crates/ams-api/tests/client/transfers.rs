//! Uploads and exports: what arrives is what was sent, or nothing.

use std::{
    fs::File,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::support::{Ams, Answer, Asked, Kept, Server, begun, broken, bytes, operation, refused};
use aar_types::Digest;
use ams_api::{Error, Package, headers};
use bytes::Bytes;
use http::StatusCode;
use sha2::Digest as _;

fn sha256(content: &[u8]) -> Digest {
    Digest::from_bytes(sha2::Sha256::digest(content).into())
}

fn package(content: &[u8]) -> Package {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    Package::read(file, &|_| {}).unwrap()
}

/// An image with the fingerprint that AMS claims for it.
fn image(content: &'static [u8], claimed: Digest) -> Answer {
    let answer = bytes(StatusCode::OK, Bytes::from_static(content));
    with_export_headers(answer, claimed)
}

fn with_export_headers(mut answer: Answer, claimed: Digest) -> Answer {
    let fields = answer.headers_mut();
    let name = "attachment; filename=candy_0.tar.zst";
    fields.insert("content-disposition", name.parse().unwrap());
    fields.insert(headers::FINGERPRINT, claimed.to_string().parse().unwrap());
    answer
}

fn files_in(server: &Server) -> Vec<String> {
    let entries = std::fs::read_dir(server.folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "unix.socket").collect()
}

#[tokio::test]
async fn a_package_arrives_whole_with_its_fingerprint() {
    let content = vec![0x5a; 3_000_000];
    let package = package(&content);
    assert_eq!(package.digest(), Some(sha256(&content)));
    let asked = Kept::default();
    let seen = asked.clone();
    let server = Server::on_tls(
        move |asked: Asked| {
            let fingerprint = asked.headers[headers::FINGERPRINT].to_str().unwrap();
            seen.keep((asked.target, fingerprint.to_owned(), sha256(&asked.body)));
            begun(&operation(103, "", 0))
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
    assert_eq!(asked.all(), [(target, digest.to_string(), digest)]);
}

#[tokio::test]
async fn a_package_for_this_machine_arrives_whole_without_being_read_beforehand() {
    let content = vec![0x5a; 3_000_000];
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let made = content.clone();
    let packages = [
        Package::local(file, 3_000_000),
        Package::made(move |out| Ok(out.write_all(&made)?)),
    ];
    let asked = Kept::default();
    let seen = asked.clone();
    let server = Server::on_socket(move |asked: Asked| {
        let announced = asked.headers.contains_key(headers::FINGERPRINT);
        seen.keep((announced, sha256(&asked.body)));
        begun(&operation(103, "", 0))
    });
    assert!(server.client.is_local());
    for package in &packages {
        let created = server.client.create_application(package, false, |_| {});
        created.await.unwrap();
    }
    assert_eq!(asked.all(), [(false, sha256(&content)); 2]);
}

#[tokio::test]
async fn a_package_whose_making_breaks_down_does_not_arrive_as_if_it_were_whole() {
    let whole = Kept::default();
    let seen = whole.clone();
    let server = Server::on_socket(move |asked: Asked| {
        seen.keep(asked.body);
        begun(&operation(103, "", 0))
    });
    let package = Package::made(|out| {
        out.write_all(&vec![7; 1_000_000])?;
        panic!("a defect")
    });
    let created = server.client.create_application(&package, false, |_| {});
    created.await.unwrap_err();
    assert!(whole.all().is_empty());
}

#[tokio::test]
async fn a_package_that_cannot_be_made_says_why() {
    let server = Server::on_socket(|_| begun(&operation(103, "", 0)));
    let package = Package::made(|_| Err("app.apk has gone".into()));
    let created = server.client.create_application(&package, false, |_| {});
    let error = created.await.unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    let told: Vec<_> = causes.map(ToString::to_string).collect();
    assert!(told.iter().any(|it| it == "app.apk has gone"), "{told:?}");
}

#[tokio::test]
async fn a_package_can_be_sent_again() {
    let package = package(b"content");
    let bodies = Kept::default();
    let seen = bodies.clone();
    let server = Server::on_socket(move |asked: Asked| {
        seen.keep(asked.body);
        refused(400, "the manifest has no name")
    });
    for _ in 0..2 {
        let refused = server.client.update_package("candy", &package, |_| {});
        let error = refused.await.unwrap_err();
        assert_eq!(error.to_string(), "the manifest has no name");
    }
    assert_eq!(bodies.all(), ["content", "content"]);
}

/// Says no without looking at what is sent.
struct Closed;

impl Ams for Closed {
    fn answer(&self, _: Asked) -> Answer {
        refused(403, "this client may not do that")
    }

    fn reads_bodies(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_an_upload_is_heard() {
    let package = package(&vec![1; 20_000_000]);
    let tls = Server::on_tls(Closed, |shown| shown).await;
    for server in [Server::on_socket(Closed), tls] {
        let created = server.client.create_application(&package, false, |_| {});
        let error = created.await.unwrap_err();
        assert_eq!(error.to_string(), "this client may not do that");
    }
}

#[tokio::test]
async fn an_image_is_written_and_its_size_and_digest_told() {
    let server = Server::on_socket(|_: Asked| image(b"an image", sha256(b"an image")));
    let export = server.client.export("candy", 0).await.unwrap();
    assert_eq!(export.file_name(), Some("candy_0.tar.zst"));
    assert_eq!(export.size(), Some(8));
    let path = server.path("out");
    let exported = export.write(&path, |_| {}).await.unwrap();
    assert_eq!((exported.size, exported.digest), (8, sha256(b"an image")));
    assert_eq!(std::fs::read(path).unwrap(), b"an image");
}

#[tokio::test]
async fn a_damaged_image_is_not_kept() {
    let server = Server::on_socket(|_: Asked| image(b"an imagE", sha256(b"an image")));
    let path = server.path("out");
    File::create(&path).unwrap().write_all(b"before").unwrap();
    let export = server.client.export("candy", 0).await.unwrap();
    let error = export.write(&path, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(path).unwrap(), b"before");
    assert_eq!(files_in(&server), ["out"]);
}

/// Somebody who reads a pipe in the place of a file.
fn read_pipe(path: &std::path::Path) -> std::thread::JoinHandle<Vec<u8>> {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
    let path = path.to_owned();
    std::thread::spawn(move || std::fs::read(path).unwrap())
}

#[tokio::test]
async fn an_image_that_runs_through_a_pipe_is_verified_at_its_end() {
    let server = Server::on_socket(|asked: Asked| {
        let whole = asked.target.contains("candy");
        image(
            if whole { b"an image" } else { b"an imagE" },
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
    assert!(error.hint().unwrap().contains("of no use"), "{error:?}");
    assert_eq!(reader.join().unwrap(), b"an imagE");
    assert_eq!(files_in(&server), ["pipe"]);
}

#[tokio::test]
async fn a_download_that_breaks_off_leaves_nothing() {
    let digest = sha256(b"a whole image");
    let server =
        Server::on_socket(move |_: Asked| with_export_headers(broken(b"a whole", 13), digest));
    let export = server.client.export("candy", 0).await.unwrap();
    let error = export.write(&server.path("out"), |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    assert_eq!(files_in(&server), Vec::<String>::new());
}

#[tokio::test]
async fn an_image_without_fingerprint_is_not_taken() {
    let server = Server::on_socket(|_: Asked| bytes(StatusCode::OK, Bytes::from_static(b"x")));
    let error = server.client.export("candy", 0).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_the_error_that_is_told() {
    let server = Server::on_socket(|_: Asked| image(b"an image", sha256(b"an image")));
    let export = server.client.export("candy", 0).await.unwrap();
    let error = export.write(&server.path("missing/out"), |_| {}).await;
    assert!(matches!(error.unwrap_err(), Error::File(_)));
}
