use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use aar_server::{config::Config, service::Server};
use aar_types::Clock;

use aar_http::Method;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    content::content,
    personas::{FullResponse, TestServer},
};

#[tokio::test]
async fn first_start_creates_private_files() {
    let server = TestServer::start().await;
    let mode = |path: &str| {
        let path = server.base().join(path);
        fs_err::metadata(path).unwrap().permissions().mode() & 0o777
    };
    for folder in ["certs", "run", "data"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    for file in ["certs/server.key", "registry.sqlite", "run/control.socket"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

/// Scripts wait for `aar status`, which needs only the database, and then read the certificate.
#[tokio::test]
async fn first_start_creates_the_certificate_before_the_database() {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut config = Config::of_base(base.path()).unwrap();
    let file = base.path().join("file");
    fs_err::write(&file, "not a folder").unwrap();
    config.database.path = file.join("registry.sqlite");
    let started = Server::start(base.path(), config, Clock::system()).await;
    assert!(started.is_err());
    assert!(base.path().join("certs/server.crt").exists());
}

#[tokio::test]
async fn base_folder_is_served_by_one_process() {
    let server = TestServer::start().await;
    let config = Config::of_base(server.base()).unwrap();
    let second = Server::start(server.base(), config, Clock::system()).await;
    let refusal = second.err().unwrap().to_string();
    assert!(refusal.contains("another registry (process "), "{refusal}");
}

#[tokio::test]
async fn port_in_use_is_named() {
    let server = TestServer::start().await;
    let taken = server.url().strip_prefix("https://").unwrap().to_owned();
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut config = Config::of_base(base.path()).unwrap();
    config.http.addr = taken.parse().unwrap();
    let second = Server::start(base.path(), config, Clock::system()).await;
    let refusal = format!("{:#}", anyhow::Error::new(second.err().unwrap()));
    assert!(
        refusal.contains(&format!("cannot listen on {taken}")),
        "{refusal}"
    );
    assert!(refusal.contains("in use"), "{refusal}");
}

#[tokio::test]
async fn certificate_and_registry_id_survive_a_restart() {
    let server = TestServer::start().await;
    let id = async |server: &TestServer| {
        let info = server.anonymous().get("/1.0").await.json();
        info["metadata"]["registry_id"].as_str().unwrap().to_owned()
    };
    let before = id(&server).await;
    let fingerprint = server.fingerprint();
    let server = server.restart().await;
    assert_eq!(server.fingerprint(), fingerprint);
    assert_eq!(id(&server).await, before);
}

#[tokio::test]
async fn control_socket_is_removed_with_the_service() {
    let server = TestServer::start().await;
    let base = server.stop().await;
    assert!(!base.path().join("run/control.socket").exists());
}

#[tokio::test]
async fn stalled_download_is_dropped_at_the_drain_limit() {
    let server = TestServer::start().await;
    server
        .publisher()
        .await
        .publish("big/amd64/versions/0", &content(64 << 20))
        .await;
    let client = server.client().await;
    let path = "/1.0/applications/big/amd64/versions/0/image";
    let mut download = client.request(Method::GET, path).send().await.unwrap();
    assert!(download.chunk().await.unwrap().is_some());
    let started = Instant::now();
    server.stop().await;
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "the server did not wait for it"
    );
}

#[tokio::test]
async fn expired_upload_is_deleted_while_the_service_runs() {
    let server =
        TestServer::start_with("uploads:\n  expire-after: 2s\ngc:\n  interval: 1s\n").await;
    let publisher = server.publisher().await;
    let image = content(1_000_000);
    let location = publisher.create_upload(&image).await.header("location");
    publisher.append(&location, 0, &image[..900_000]).await;
    assert!(stored(&server) >= 900_000);
    let gone = async {
        while FullResponse::of(publisher.tus(Method::HEAD, &location))
            .await
            .status
            != 404
            || stored(&server) >= 900_000
        {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), gone)
        .await
        .expect("the upload still exists");
}

#[tokio::test]
async fn missing_descriptor_is_restored_while_the_service_runs() {
    let server = TestServer::start_with("gc:\n  interval: 1s\n").await;
    let publisher = server.publisher().await;
    publisher
        .publish("app/amd64/versions/0", &content(6000))
        .await;
    let descriptor = server.base().join("data/applications/app/amd64/0.json");
    let content = || fs_err::read(&descriptor).ok();
    let parsed = |content: &[u8]| serde_json::from_slice::<serde_json::Value>(content).unwrap();
    let before = parsed(&content().unwrap());
    fs_err::remove_file(&descriptor).unwrap();
    let back = async {
        while content().is_none_or(|content| parsed(&content) != before) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), back)
        .await
        .expect("the descriptor is still missing");
}

/// The size of all files in the storage.
fn stored(server: &TestServer) -> u64 {
    let mut folders = vec![server.base().join("data")];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            // A file may be deleted while it is counted.
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
