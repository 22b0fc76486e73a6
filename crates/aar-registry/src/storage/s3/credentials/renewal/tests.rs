use std::future::IntoFuture;

use aar_testkit::{CONTAINER_TOKEN, CredentialServer, SOON, WEB_IDENTITY_TOKEN};
use aar_types::ManualClock;
use futures_util::future::join_all;
use object_store::{
    ClientOptions,
    client::{HttpConnector, ReqwestConnector},
};

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn key(id: &str) -> aar_testkit::Credentials {
    aar_testkit::Credentials {
        access_key: id.to_owned(),
        secret_key: "hush".to_owned(),
    }
}

/// Credentials by these variables, and the clock that they go by.
fn credentials(variables: &[(&str, &str)]) -> (Credentials, ManualClock) {
    let source = Source::around(None, &|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_timeout_disabled();
    let client = ReqwestConnector::default().connect(&options).unwrap();
    let clock = ManualClock::new(Clock::system().now());
    let credentials = Credentials::timed(source.unwrap(), client, clock.clone().into());
    (credentials, clock)
}

fn of_instance(server: &CredentialServer) -> (Credentials, ManualClock) {
    credentials(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url())])
}

/// Which key is used. It is waited for, but not for ever.
async fn used(credentials: &Credentials) -> Result<String, String> {
    let lease = tokio::time::timeout(SOON, credentials.lease()).await;
    let lease = lease.expect("the credentials do not come");
    lease
        .map(|lease| lease.credential.key_id.clone())
        .map_err(|error| error.to_string())
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(SOON, polling).await;
    ended.unwrap_or_else(|_| panic!("{what}: it does not come to that"));
}

#[tokio::test]
async fn nobody_waits_for_a_renewal_while_the_present_credential_is_good() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    let (credentials, clock) = of_instance(&server);
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
async fn all_that_wait_share_one_fetch() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    server.hold();
    let (credentials, _) = of_instance(&server);
    let mut all = join_all((0..6).map(|_| used(&credentials))).into_future();
    assert!(futures_util::poll!(&mut all).is_pending());
    server.release();
    for one in all.await {
        assert_eq!(one, Ok("FIRST".to_owned()));
    }
    assert_eq!(server.issued_count(), 1);
}

#[tokio::test]
async fn whoever_gives_up_waiting_does_not_stop_the_fetch() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    server.hold();
    let (credentials, _) = of_instance(&server);
    let mut waiting = Box::pin(credentials.lease());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(waiting);
    server.release();
    until("the fetch", async || server.issued_count() == 1).await;
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    assert_eq!(server.issued_count(), 1);
}

#[tokio::test]
async fn a_failure_is_told_for_a_while_and_not_repeated_for_each_that_asks() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    server.remove_role();
    let (credentials, clock) = of_instance(&server);
    let refused = used(&credentials).await.unwrap_err();
    assert!(refused.contains("has no role"), "{refused}");
    let asked = server.request_count();
    for _ in 0..6 {
        assert_eq!(used(&credentials).await, Err(refused.clone()));
    }
    assert_eq!(server.request_count(), asked);
    server.rotate(&key("FIRST"), HOUR);
    clock.advance(LEAVE_ALONE);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
}

#[tokio::test]
async fn what_has_ended_is_not_handed_out() {
    let server = CredentialServer::instance(&key("FIRST"), HOUR);
    let (credentials, clock) = of_instance(&server);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    clock.advance(SignedDuration::from_hours(2));
    let refused = used(&credentials).await.unwrap_err();
    assert!(refused.contains("ended at"), "{refused}");
}

#[tokio::test]
async fn a_credential_is_replaced_in_time_also_when_nobody_asks() {
    let server = CredentialServer::instance(&key("FIRST"), Duration::from_secs(3));
    let (credentials, clock) = of_instance(&server);
    assert_eq!(used(&credentials).await, Ok("FIRST".to_owned()));
    server.rotate(&key("SECOND"), HOUR);
    clock.advance(SignedDuration::from_secs(3));
    until("the second", async || server.issued_count() == 2).await;
}

#[tokio::test]
async fn every_source_gives_a_credential_and_replaces_it_before_its_end() {
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
async fn a_source_that_does_not_give_one_says_why() {
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
    let (nobody, _) = credentials(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")]);
    let refused = used(&nobody).await.unwrap_err();
    assert!(refused.contains("Connection refused"), "{refused}");
}
