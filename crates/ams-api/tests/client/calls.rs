//! Plain questions and their answers, over both kinds of connections.

use super::support::{Asked, Kept, Server, client, refused, sync};
use aar_types::{Auth, Fingerprint};
use ams_api::{AmsClient, ApplicationFilter, Endpoint, Error};
use serde_json::json;

fn status(_: Asked) -> super::support::Answer {
    sync(&json!({"auth": "trusted", "api_extensions": ["registry"], "from_the_future": 1}))
}

async fn message(client: &AmsClient) -> (String, Option<&'static str>) {
    let error = client.config().await.unwrap_err();
    (error.to_string(), error.hint())
}

#[tokio::test]
async fn a_question_over_the_socket_is_answered() {
    let server = Server::on_socket(status);
    let status = server.client.status().await.unwrap();
    assert_eq!(status.auth, Auth::Trusted);
    assert!(status.has_extension("registry") && !status.has_extension("vm_support"));
}

#[tokio::test]
async fn over_tls_both_sides_show_who_they_are() {
    let callers = Kept::default();
    let seen = callers.clone();
    let answer = move |asked: Asked| {
        seen.keep(asked.caller.as_ref().map(aar_tls::Certificate::subject));
        status(asked)
    };
    let server = Server::on_tls(answer, |shown| shown).await;
    assert_eq!(server.client.status().await.unwrap().auth, Auth::Trusted);
    assert_eq!(callers.all(), [Some("CN=amc".to_owned())]);
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused() {
    let server = Server::on_tls(status, |_| Fingerprint::from_bytes([1; 32])).await;
    let error = server.client.status().await.unwrap_err();
    assert!(matches!(error, Error::OtherServer { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("add it again"));
}

#[tokio::test]
async fn a_filter_travels_in_the_query() {
    let targets = Kept::default();
    let seen = targets.clone();
    let server = Server::on_socket(move |asked: Asked| {
        seen.keep(asked.target);
        sync(&json!([{"id": "bkmtdm9hpuo01q954fng", "name": "candy"}]))
    });
    let mut filter = ApplicationFilter::default();
    filter.set("tags", "a=b,c d").unwrap();
    let applications = server.client.applications(&filter).await.unwrap();
    assert_eq!(applications[0].name, "candy");
    let expected = "/1.0/applications?recursion=1&tags=a%3Db%2Cc+d";
    assert_eq!(targets.all(), [expected]);
}

#[tokio::test]
async fn a_refusal_says_what_ams_says() {
    let server = Server::on_socket(|_: Asked| refused(403, "not authorized: unknown"));
    let (message, hint) = message(&server.client).await;
    assert_eq!(message, "not authorized: unknown");
    assert!(hint.unwrap().contains("amc config trust add"));
}

#[tokio::test]
async fn what_is_refused_to_anybody_has_nothing_to_do_with_trust() {
    let server = Server::on_socket(|_: Asked| refused(403, "candy is immutable"));
    assert_eq!(
        message(&server.client).await,
        ("candy is immutable".to_owned(), None)
    );
}

#[tokio::test]
async fn a_change_without_operation_is_done_at_once() {
    let server = Server::on_socket(|asked: Asked| {
        assert_eq!(
            &asked.body[..],
            br#"{"name":"registry.mode","value":"push"}"#
        );
        sync(&json!({}))
    });
    let begun = server.client.set_config("registry.mode", "push").await;
    assert_eq!(begun.unwrap(), None);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_told_as_such() {
    let server = Server::on_socket(|_: Asked| sync(&json!("nonsense")));
    let (message, _) = message(&server.client).await;
    assert_eq!(
        message,
        "AMS gives an answer that cannot be read (GET /1.0/config)"
    );
}

#[tokio::test]
async fn a_missing_socket_is_named_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("unix.socket");
    let (message, hint) = message(&client(Endpoint::Socket(socket.clone()))).await;
    assert_eq!(message, format!("cannot reach AMS at {}", socket.display()));
    assert!(hint.unwrap().contains("is AMS running?"));
}
