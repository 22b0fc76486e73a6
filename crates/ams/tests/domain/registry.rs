//! Whatever the registry answers, or does not: AMS goes on, with a clear error.

use std::{net::SocketAddr, time::Duration};

use aar_testkit::{Package, TestPki};
use aar_tls::{Identity, Limits, TlsListener};
use ams_api::{Operation, RoundOutcome, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::Here;

async fn listening(identity: &Identity) -> TlsListener {
    let any = "127.0.0.1:0".parse().unwrap();
    TlsListener::bind(any, identity, Limits::default())
        .await
        .unwrap()
}

/// A server that answers every request with the same bytes and hangs up.
async fn answering(identity: &Identity, answer: &'static str) -> SocketAddr {
    let mut listener = listening(identity).await;
    let address = listener.local_addr();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await;
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

/// An answer with a JSON body.
fn reply(status: &str, body: &Value) -> &'static str {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").leak()
}

async fn set_up(here: &Here, address: SocketAddr, identity: &Identity) {
    let config = here.ams.config();
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

fn pull(here: &Here) -> Result<Operation, ams::Error> {
    here.ams.registry().pull(&"game".parse().unwrap())
}

#[tokio::test]
async fn a_manual_pull_without_a_registry_is_a_clear_error() {
    let here = Here::new().await;
    let refusal = pull(&here).unwrap_err().to_string();
    assert!(refusal.contains("registry.url"), "{refusal}");
    assert_eq!(here.ams.registry().status().await.unwrap().url, "");
}

#[tokio::test]
async fn a_manual_pull_survives_any_answer_of_the_registry() {
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
    .map(|answer| async move {
        let (here, pki) = (Here::new().await, TestPki::new());
        let identity = pki.publisher.identity();
        here.ams.trust().add(identity.certificate()).await.unwrap();
        set_up(&here, answering(identity, answer).await, identity).await;
        let error = here.failed(pull(&here).unwrap()).await;
        assert!(!error.is_empty(), "{answer:?}");
        assert!(here.ams.registry().status().await.is_ok(), "AMS goes on");
    });
    futures_util::future::join_all(pulls).await;
}

/// A server that takes requests and never answers.
async fn silent(identity: &Identity) -> SocketAddr {
    let mut listener = listening(identity).await;
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
async fn what_is_asked_of_a_registry_that_does_not_answer_can_be_cancelled() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let identity = pki.publisher.identity();
    here.ams.trust().add(identity.certificate()).await.unwrap();
    set_up(&here, silent(identity).await, identity).await;
    here.create(&Package::new("game")).await;
    let registry = here.ams.registry();
    let begun = [
        pull(&here).unwrap(),
        registry.push("game").await.unwrap(),
        pull(&here).unwrap(),
    ];
    for operation in begun {
        assert!(operation.may_cancel);
        here.ams.operations().cancel(operation.id).unwrap();
        let ended = here.ended(operation).await;
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
    panic!("the round goes on for nobody");
}

#[tokio::test]
async fn what_the_registry_does_not_have_cannot_be_deleted_from_it() {
    let unknown = json!({"type": "error", "error_code": 404, "error": "",
        "code": "application_not_found"});
    let version = json!({"number": 0, "published": true, "created_at": "2026-01-01T00:00:00Z",
        "image": {"fingerprint": "00".repeat(32), "digest": "00".repeat(32), "size": 1}});
    let elsewhere = json!({"type": "sync", "status": "", "status_code": 200, "metadata":
        {"name": "game", "variants": [{"architecture": "arm64", "versions": [version]}]}});
    for answer in [
        reply("404 Not Found", &unknown),
        reply("200 OK", &elsewhere),
    ] {
        let (here, pki) = (Here::new().await, TestPki::new());
        let identity = pki.publisher.identity();
        here.ams.trust().add(identity.certificate()).await.unwrap();
        set_up(&here, answering(identity, answer).await, identity).await;
        let deleted = here.ams.registry().delete(&"game".parse().unwrap()).await;
        assert!(
            matches!(deleted, Err(ams::Error::NotInRegistry(..))),
            "{deleted:?}"
        );
    }
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let identity = pki.publisher.identity();
    here.ams.trust().add(identity.certificate()).await.unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    set_up(&here, address, identity).await;
    let error = here.failed(pull(&here).unwrap()).await;
    assert!(error.contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_not_the_configured_one_is_refused() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let (shown, expected) = (pki.publisher.identity(), pki.client.identity());
    for known in [shown, expected] {
        here.ams.trust().add(known.certificate()).await.unwrap();
    }
    let address = answering(shown, "").await;
    set_up(&here, address, expected).await;
    let error = here.failed(pull(&here).unwrap()).await;
    assert!(
        error.contains(&shown.certificate().fingerprint().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn changes_of_the_trust_store_and_of_the_configuration_apply_to_the_next_request() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let (old, new) = (pki.publisher.identity(), pki.client.identity());
    set_up(&here, answering(old, "").await, old).await;
    let refusal = pull(&here).unwrap_err().to_string();
    assert!(refusal.contains("not in the trust store"), "{refusal}");
    here.ams.trust().add(old.certificate()).await.unwrap();
    assert!(pull(&here).is_ok());
    set_up(&here, answering(new, "").await, new).await;
    assert!(pull(&here).is_err(), "the old certificate is not enough");
    here.ams.trust().add(new.certificate()).await.unwrap();
    assert!(pull(&here).is_ok());
    let prefix = new.certificate().fingerprint().into();
    here.ams.trust().remove(&prefix).await.unwrap();
    assert!(
        pull(&here).is_err(),
        "the old certificate is not used any longer"
    );
}

#[tokio::test]
async fn what_is_wrong_with_the_configuration_is_in_the_status_at_once() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let identity = pki.publisher.identity();
    set_up(&here, "127.0.0.1:9".parse().unwrap(), identity).await;
    wait_for_problem(&here, "not in the trust store").await;
    here.ams.trust().add(identity.certificate()).await.unwrap();
    wait_for_problem(&here, "").await;
}

async fn wait_for_problem(here: &Here, wanted: &str) {
    for _ in 0..500 {
        let problem = here.ams.registry().status().await.unwrap().problem;
        if problem.is_empty() == wanted.is_empty() && problem.contains(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the problem never became {wanted:?}");
}

#[tokio::test]
async fn a_publisher_does_not_pull_and_a_client_does_not_push() {
    let here = Here::new().await;
    here.ams
        .config()
        .set("registry.mode", "push")
        .await
        .unwrap();
    assert!(
        pull(&here)
            .unwrap_err()
            .to_string()
            .contains("registry.mode is push")
    );
    here.ams
        .config()
        .set("registry.mode", "pull")
        .await
        .unwrap();
    let refusal = here
        .ams
        .registry()
        .push("game")
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("registry.mode is pull"), "{refusal}");
}
