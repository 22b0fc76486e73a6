use std::future::IntoFuture;

use aar_testkit::{CONTAINER_TOKEN, CredentialServer, SOON, WEB_IDENTITY_TOKEN};
use aar_types::ManualClock;
use futures_util::future::join_all;

use super::*;
use crate::storage::s3::client::http_client;

const HOUR: Duration = Duration::from_hours(1);

fn key(id: &str) -> aar_testkit::Credentials {
    aar_testkit::Credentials {
        access_key: id.to_owned(),
        secret_key: "hush".to_owned(),
    }
}

/// The cache for these variables, and its clock.
fn credentials(variables: &[(&str, &str)]) -> (CredentialCache, ManualClock) {
    let source = CredentialSource::find(None, &|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    let clock = ManualClock::new(Clock::system().now());
    let credentials = CredentialCache::with_clock(
        source.unwrap(),
        http_client().unwrap(),
        clock.clone().into(),
    );
    (credentials, clock)
}

fn instance_credentials(server: &CredentialServer) -> (CredentialCache, ManualClock) {
    credentials(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url())])
}

/// The access key in use.
async fn used(credentials: &CredentialCache) -> Result<String, String> {
    let keys = tokio::time::timeout(SOON, credentials.keys()).await;
    let keys = keys.expect("the credentials do not come");
    keys.map(|keys| keys.credentials.access_key_id().to_owned())
        .map_err(|error| error.to_string())
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(SOON, polling).await;
    ended.unwrap_or_else(|_| panic!("timed out: {what}"));
}

#[tokio::test]
async fn renewal_does_not_delay_requests_while_the_keys_are_valid() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    let (credentials, clock) = instance_credentials(&server);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    server.hold();
    server.rotate(&key("SECOND"), 3 * HOUR);
    clock.advance(SignedDuration::from_mins(55));
    let before = server.request_count();
    for _ in 0..6 {
        assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    }
    until("the renewal", async || server.request_count() > before).await;
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    assert_eq!(server.request_count(), before + 1);
    server.release();
    let second = Ok("SECOND".to_owned());
    until("the second", async || used(&credentials).await == second).await;
    assert_eq!(server.issued_count(), 2);
}

#[tokio::test]
async fn concurrent_requests_share_one_fetch() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    server.hold();
    let (credentials, _) = instance_credentials(&server);
    let mut all = join_all((0..6).map(|_| used(&credentials))).into_future();
    assert!(futures_util::poll!(&mut all).is_pending());
    server.release();
    for one in all.await {
        assert_eq!(one, Ok("FIRST".to_owned()));
    }
    assert_eq!(server.issued_count(), 1);
}

#[tokio::test]
async fn fetch_goes_on_when_the_caller_stops_waiting() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    server.hold();
    let (credentials, _) = instance_credentials(&server);
    let mut waiting = Box::pin(credentials.keys());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(waiting);
    server.release();
    until("the fetch", async || server.issued_count() == 1).await;
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    assert_eq!(server.issued_count(), 1);
}

#[tokio::test]
async fn failure_is_returned_for_a_while_without_another_fetch() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    server.remove_role();
    let (credentials, clock) = instance_credentials(&server);
    let refused = used(&credentials).await.unwrap_err();
    assert!(refused.contains("has no role"), "{refused}");
    let asked = server.request_count();
    for _ in 0..6 {
        assert_eq!(used(&credentials).await, Err(refused.clone()));
    }
    assert_eq!(server.request_count(), asked);
    server.rotate(&key("FIRST"), HOUR);
    clock.advance(PAUSE_AFTER_FAILURE);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
}

#[tokio::test]
async fn expired_keys_are_not_used() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    let (credentials, clock) = instance_credentials(&server);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    clock.advance(SignedDuration::from_hours(2));
    let refused = used(&credentials).await.unwrap_err();
    assert!(refused.contains("expired at"), "{refused}");
}

#[tokio::test]
async fn keys_are_renewed_in_time_without_any_request() {
    let server = CredentialServer::instance(&key("FIRST"), Duration::from_secs(3));
    let (credentials, clock) = instance_credentials(&server);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    server.rotate(&key("SECOND"), HOUR);
    clock.advance(SignedDuration::from_secs(3));
    until("the second", async || server.issued_count() == 2).await;
}

#[tokio::test]
async fn keys_of_every_source_are_renewed_before_they_expire() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs_err::write(&token, format!("{WEB_IDENTITY_TOKEN}\n")).unwrap();
    let token = token.to_str().unwrap();
    let first = key("FIRST");
    let instance = CredentialServer::instance(&first, HOUR);
    let container = CredentialServer::container(&first, HOUR);
    let tokens = CredentialServer::web_identity(&first, HOUR);
    let (at_instance, at_container, at_tokens) = (instance.url(), container.url(), tokens.url());
    for (server, variables) in [
        (
            instance,
            &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*at_instance)][..],
        ),
        (
            container,
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*at_container),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN),
            ],
        ),
        (
            tokens,
            &[
                ("AWS_ENDPOINT_URL_STS", &*at_tokens),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/aar"),
            ],
        ),
    ] {
        let (credentials, clock) = credentials(variables);
        assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
        server.rotate(&key("SECOND"), 3 * HOUR);
        assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
        clock.advance(SignedDuration::from_mins(55));
        let second = Ok("SECOND".to_owned());
        until("the second", async || used(&credentials).await == second).await;
        assert_eq!((server.issued_count(), server.rejected_count()), (2, 0));
    }
}

#[tokio::test]
async fn failing_source_says_why() {
    let tokens = CredentialServer::web_identity(&key("FIRST"), HOUR);
    tokens.remove_role();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs_err::write(&token, WEB_IDENTITY_TOKEN).unwrap();
    let (denied, _) = credentials(&[
        ("AWS_ENDPOINT_URL_STS", &tokens.url()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/aar"),
    ]);
    let refused = used(&denied).await.unwrap_err();
    assert!(refused.contains("403 Forbidden AccessDenied"), "{refused}");
    let (unreachable, _) =
        credentials(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")]);
    let refused = used(&unreachable).await.unwrap_err();
    assert!(refused.contains("Connection refused"), "{refused}");
}
