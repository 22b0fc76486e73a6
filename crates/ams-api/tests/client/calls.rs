//! Requests and responses over both kinds of connections.

use super::support::{Recorder, TestRequest, TestServer, client, refused, sync};
use aar_types::{Auth, Fingerprint};
use ams_api::{AmsClient, ApplicationFilter, Endpoint, Error};
use serde_json::json;

fn status(_: TestRequest) -> super::support::TestResponse {
    sync(&json!({"auth": "trusted", "api_extensions": ["registry"], "from_the_future": 1}))
}

async fn message(client: &AmsClient) -> (String, Option<&'static str>) {
    let error = client.config().await.unwrap_err();
    (error.to_string(), error.hint())
}

#[tokio::test]
async fn status_is_read_over_the_socket() {
    let server = TestServer::on_socket(status);
    let status = server.client.status().await.unwrap();
    assert_eq!(status.auth, Auth::Trusted);
    assert!(status.has_extension("registry") && !status.has_extension("vm_support"));
}

#[tokio::test]
async fn client_shows_its_certificate_over_tls() {
    let callers = Recorder::default();
    let recorder = callers.clone();
    let respond = move |request: TestRequest| {
        recorder.record(request.caller.as_ref().map(aar_tls::Certificate::subject));
        status(request)
    };
    let server = TestServer::on_tls(respond, |shown| shown).await;
    assert_eq!(server.client.status().await.unwrap().auth, Auth::Trusted);
    assert_eq!(callers.all(), [Some("CN=amc".to_owned())]);
}

#[tokio::test]
async fn server_with_another_certificate_than_the_pinned_one_is_refused() {
    let server = TestServer::on_tls(status, |_| Fingerprint::from_bytes([1; 32])).await;
    let error = server.client.status().await.unwrap_err();
    assert!(matches!(error, Error::WrongCertificate { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("add it again"));
}

#[tokio::test]
async fn filter_is_sent_in_the_query() {
    let targets = Recorder::default();
    let recorder = targets.clone();
    let server = TestServer::on_socket(move |request: TestRequest| {
        recorder.record(request.target);
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
async fn refusal_of_an_untrusted_client_has_the_message_of_ams_and_a_hint() {
    let server = TestServer::on_socket(|_: TestRequest| refused(403, "not authorized: unknown"));
    let (message, hint) = message(&server.client).await;
    assert_eq!(message, "not authorized: unknown");
    assert!(hint.unwrap().contains("amc config trust add"));
}

#[tokio::test]
async fn refusal_to_a_trusted_client_has_no_hint_about_trust() {
    let server = TestServer::on_socket(|_: TestRequest| refused(403, "candy is immutable"));
    assert_eq!(
        message(&server.client).await,
        ("candy is immutable".to_owned(), None)
    );
}

#[tokio::test]
async fn change_without_an_operation_is_complete() {
    let server = TestServer::on_socket(|request: TestRequest| {
        assert_eq!(
            &request.body[..],
            br#"{"name":"registry.mode","value":"push"}"#
        );
        sync(&json!({}))
    });
    let operation = server.client.set_config("registry.mode", "push").await;
    assert_eq!(operation.unwrap(), None);
}

#[tokio::test]
async fn unexpected_response_names_the_request() {
    let server = TestServer::on_socket(|_: TestRequest| sync(&json!("nonsense")));
    let (message, _) = message(&server.client).await;
    assert_eq!(
        message,
        "AMS sent an unexpected response to GET /1.0/config"
    );
}

#[tokio::test]
async fn missing_socket_is_named_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("unix.socket");
    let (message, hint) = message(&client(Endpoint::Socket(socket.clone()))).await;
    assert_eq!(message, format!("cannot reach AMS at {}", socket.display()));
    assert!(hint.unwrap().contains("is AMS running?"));
}
