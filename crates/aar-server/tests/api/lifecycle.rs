use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use aar_server::{config::Config, service::Server};
use aar_types::Clock;

use reqwest::Method;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    content::content,
    personas::{Answer, TestServer},
};

#[tokio::test]
async fn the_first_start_makes_what_is_missing_for_its_owner_only() {
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

#[tokio::test]
async fn a_base_folder_is_served_once() {
    let server = TestServer::start().await;
    let config = Config::of_base(server.base()).unwrap();
    let second = Server::start(server.base(), config, Clock::system()).await;
    let refusal = second.err().unwrap().to_string();
    assert!(refusal.contains("already in use by process"), "{refusal}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
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
async fn the_certificate_and_the_identity_of_the_registry_outlive_a_restart() {
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
async fn the_control_socket_goes_with_the_service() {
    let server = TestServer::start().await;
    let base = server.stop().await;
    assert!(!base.path().join("run/control.socket").exists());
}

#[tokio::test]
async fn a_download_that_does_not_end_is_dropped_when_the_time_to_drain_is_over() {
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
        "it was not waited for"
    );
}

#[tokio::test]
async fn uploads_are_staged_on_the_data_volume_and_abandoned_ones_are_reaped_while_the_service_runs()
 {
    let server =
        TestServer::start_with("uploads:\n  expire-after: 2s\ngc:\n  interval: 1s\n").await;
    let publisher = server.publisher().await;
    let image = content(1_000_000);
    let location = publisher.create_upload(&image).await.header("location");
    publisher.append(&location, 0, &image[..900_000]).await;
    assert!(stored(&server) >= 900_000);
    let gone = async {
        while Answer::of(publisher.tus(Method::HEAD, &location))
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
        .expect("it is still there");
}

#[tokio::test]
async fn a_descriptor_that_went_missing_is_written_again_while_the_service_runs() {
    let server = TestServer::start_with("gc:\n  interval: 1s\n").await;
    let publisher = server.publisher().await;
    publisher.publish("app/amd64/versions/0", b"image").await;
    let descriptor = server.base().join("data/applications/app/amd64/0.json");
    let content = || fs_err::read(&descriptor).ok();
    let says = |content: &[u8]| serde_json::from_slice::<serde_json::Value>(content).unwrap();
    let before = says(&content().unwrap());
    fs_err::remove_file(&descriptor).unwrap();
    let back = async {
        while content().is_none_or(|content| says(&content) != before) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), back)
        .await
        .expect("it is still missing");
}

/// How many bytes there are below the root of the storage.
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
