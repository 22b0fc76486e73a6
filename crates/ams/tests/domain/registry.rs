//! Requests to registries that fail, send invalid responses, or do not respond.

use std::{net::SocketAddr, time::Duration};

use aar_testkit::{Package, TestPki};
use aar_tls::{Identity, Limits, TlsListener};
use ams_api::{Operation, RoundOutcome, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::TestAms;

async fn bind(identity: &Identity) -> TlsListener {
    let any = "127.0.0.1:0".parse().unwrap();
    TlsListener::bind(any, identity, Limits::default())
        .await
        .unwrap()
}

/// A server that sends the same bytes as response to every request and closes the connection.
async fn responding(identity: &Identity, response: &'static str) -> SocketAddr {
    let mut listener = bind(identity).await;
    let address = listener.local_addr();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await;
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(response.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

/// A response with a JSON body.
fn json_response(status: &str, body: &Value) -> &'static str {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").leak()
}

async fn configure(ams: &TestAms, address: SocketAddr, identity: &Identity) {
    let config = ams.config();
    let fingerprint = identity.certificate().fingerprint().to_string();
    config.set("registry.mode", "manual").await.unwrap();
    config
        .set("registry.fingerprint", &fingerprint)
        .await
        .unwrap();
    config
        .set("registry.url", &format!("https://{address}"))
        .await
        .unwrap();
}

fn pull(ams: &TestAms) -> Result<Operation, ams::Error> {
    ams.registry().pull(&"game".parse().unwrap())
}

#[tokio::test]
async fn pull_without_a_registry_names_the_missing_item() {
    let ams = TestAms::new().await;
    let refusal = pull(&ams).unwrap_err().to_string();
    assert!(refusal.contains("registry.url"), "{refusal}");
    assert_eq!(ams.registry().status().await.unwrap().url, "");
}

#[tokio::test]
async fn pull_fails_with_an_error_after_any_invalid_response() {
    let pulls = [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"type\":",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope",
        "HTTP/1.1 200 OK\r\ncontent-length: 66\r\n\r\n\
         {\"type\": \"sync\", \"status\": \"\", \"status_code\": 200, \"metadata\": null}",
        "\u{0}\u{1}\u{2} not http at all",
    ]
    .map(|response| async move {
        let (ams, pki) = (TestAms::new().await, TestPki::new());
        let identity = pki.publisher.identity();
        ams.trust().add(identity.certificate()).await.unwrap();
        configure(&ams, responding(identity, response).await, identity).await;
        let error = ams.expect_failure(pull(&ams).unwrap()).await;
        assert!(!error.is_empty(), "{response:?}");
        assert!(ams.registry().status().await.is_ok(), "AMS still works");
    });
    futures_util::future::join_all(pulls).await;
}

/// A server that accepts connections and never sends a response.
async fn silent(identity: &Identity) -> SocketAddr {
    let mut listener = bind(identity).await;
    let address = listener.local_addr();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await);
        }
    });
    address
}

#[tokio::test]
async fn request_to_a_silent_registry_can_be_cancelled() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let identity = pki.publisher.identity();
    ams.trust().add(identity.certificate()).await.unwrap();
    configure(&ams, silent(identity).await, identity).await;
    ams.create(&Package::new("game")).await;
    let registry = ams.registry();
    let started = [
        pull(&ams).unwrap(),
        registry.push("game").await.unwrap(),
        pull(&ams).unwrap(),
    ];
    for operation in started {
        assert!(operation.may_cancel);
        ams.operations().cancel(operation.id).unwrap();
        let ended = ams.wait(operation).await;
        assert_eq!(ended.status_code, StatusCode::Cancelled, "{}", ended.err);
    }
    for _ in 0..500 {
        let status = registry.status().await.unwrap();
        let round = status.last_round.filter(|_| !status.running);
        if let Some(round) = round {
            assert_eq!(round.outcome, RoundOutcome::Cancelled);
            assert!(round.error.contains("cancelled"), "{}", round.error);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the cancelled round still runs");
}

#[tokio::test]
async fn application_that_the_registry_does_not_have_cannot_be_deleted_there() {
    let unknown = json!({"type": "error", "error_code": 404, "error": "",
        "code": "application_not_found"});
    let version = json!({"number": 0, "published": true, "created_at": "2026-01-01T00:00:00Z",
        "image": {"fingerprint": "00".repeat(32), "digest": "00".repeat(32), "size": 1}});
    let elsewhere = json!({"type": "sync", "status": "", "status_code": 200, "metadata":
        {"name": "game", "variants": [{"architecture": "arm64", "versions": [version]}]}});
    for response in [
        json_response("404 Not Found", &unknown),
        json_response("200 OK", &elsewhere),
    ] {
        let (ams, pki) = (TestAms::new().await, TestPki::new());
        let identity = pki.publisher.identity();
        ams.trust().add(identity.certificate()).await.unwrap();
        configure(&ams, responding(identity, response).await, identity).await;
        let deleted = ams.registry().delete(&"game".parse().unwrap()).await;
        assert!(
            matches!(deleted, Err(ams::Error::NotInRegistry(..))),
            "{deleted:?}"
        );
    }
}

#[tokio::test]
async fn error_names_the_address_of_an_unreachable_registry() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let identity = pki.publisher.identity();
    ams.trust().add(identity.certificate()).await.unwrap();
    let port = aar_testkit::Port::take();
    let address = port.address();
    configure(&ams, address, identity).await;
    let error = ams.expect_failure(pull(&ams).unwrap()).await;
    assert!(error.contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn registry_certificate_other_than_the_configured_one_is_refused() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let (shown, expected) = (pki.publisher.identity(), pki.client.identity());
    for known in [shown, expected] {
        ams.trust().add(known.certificate()).await.unwrap();
    }
    let address = responding(shown, "").await;
    configure(&ams, address, expected).await;
    let error = ams.expect_failure(pull(&ams).unwrap()).await;
    assert!(
        error.contains(&shown.certificate().fingerprint().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn trust_and_configuration_changes_apply_to_the_next_request() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let (old, new) = (pki.publisher.identity(), pki.client.identity());
    configure(&ams, responding(old, "").await, old).await;
    let refusal = pull(&ams).unwrap_err().to_string();
    assert!(
        refusal.contains("no trusted certificate has it"),
        "{refusal}"
    );
    assert!(refusal.ends_with("trusted: nothing"), "{refusal}");
    ams.trust().add(old.certificate()).await.unwrap();
    assert!(pull(&ams).is_ok());
    configure(&ams, responding(new, "").await, new).await;
    assert!(
        pull(&ams).is_err(),
        "the new certificate is not trusted yet"
    );
    ams.trust().add(new.certificate()).await.unwrap();
    assert!(pull(&ams).is_ok());
    let prefix = new.certificate().fingerprint().into();
    ams.trust().remove(&prefix).await.unwrap();
    assert!(
        pull(&ams).is_err(),
        "the certificate is not trusted any more"
    );
}

#[tokio::test]
async fn status_shows_a_configuration_problem_at_once() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let identity = pki.publisher.identity();
    configure(&ams, "127.0.0.1:9".parse().unwrap(), identity).await;
    wait_for_problem(&ams, "no trusted certificate has it").await;
    ams.trust().add(identity.certificate()).await.unwrap();
    wait_for_problem(&ams, "").await;
}

async fn wait_for_problem(ams: &TestAms, expected: &str) {
    for _ in 0..500 {
        let problem = ams.registry().status().await.unwrap().problem;
        if problem.is_empty() == expected.is_empty() && problem.contains(expected) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the problem never became {expected:?}");
}

#[tokio::test]
async fn publisher_cannot_pull_and_client_cannot_push() {
    let ams = TestAms::new().await;
    ams.config().set("registry.mode", "push").await.unwrap();
    assert!(
        pull(&ams)
            .unwrap_err()
            .to_string()
            .contains("registry.mode is push")
    );
    ams.config().set("registry.mode", "pull").await.unwrap();
    let refusal = ams.registry().push("game").await.unwrap_err().to_string();
    assert!(refusal.contains("registry.mode is pull"), "{refusal}");
}
