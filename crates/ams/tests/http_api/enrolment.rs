//! Certificates: how callers come to be trusted, and cease to be.

use axum::body::Body;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use crate::running::{Answer, Door, Running, base64, request};

const PASSWORD: &str = "sUp3rs3cr3t";

async fn with_password() -> Running {
    let ams = Running::start().await;
    ams.ams
        .config()
        .set("core.trust_password", PASSWORD)
        .await
        .unwrap();
    ams
}

async fn enrol(ams: &Running, door: &Door, password: &str, certificate: &str) -> Answer {
    let body = json!({"certificate": certificate, "trust-password": password});
    let body = Body::from(body.to_string());
    ams.call(door, request(Method::POST, "/1.0/certificates", body))
        .await
}

async fn is_trusted(ams: &Running, door: &Door) -> bool {
    let status = ams
        .call(door, request(Method::GET, "/1.0", Body::empty()))
        .await;
    status.metadata()["auth"] == "trusted"
}

#[tokio::test]
async fn who_knows_the_password_enrols_itself() {
    let ams = with_password().await;
    let identity = ams.identity("newcomer");
    let door = Door::Remote(Some(identity.clone()));
    assert!(!is_trusted(&ams, &door).await);
    ams.succeed(&enrol(&ams, &door, PASSWORD, "").await).await;
    assert!(is_trusted(&ams, &door).await);

    let again = enrol(&ams, &door, "", &base64(&identity)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.error().contains("already exists"), "{again:?}");
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_slow_the_guesser_down() {
    let ams = with_password().await;
    let door = Door::Remote(Some(ams.identity("guesser")));
    let wrong = enrol(&ams, &door, "guess", "").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let soon = enrol(&ams, &door, PASSWORD, "").await;
    assert_eq!(soon.status, StatusCode::TOO_MANY_REQUESTS);
    let text = soon.json().to_string();
    assert!(text.contains("wait 1 s"), "{text}");
    assert!(!is_trusted(&ams, &door).await);
    ams.clock.advance(SignedDuration::from_secs(1));
    ams.succeed(&enrol(&ams, &door, PASSWORD, "").await).await;
    assert!(is_trusted(&ams, &door).await);
}

#[tokio::test]
async fn without_a_password_nobody_enrols() {
    let ams = Running::start().await;
    let door = Door::Remote(Some(ams.identity("newcomer")));
    for password in ["", "guess"] {
        let refused = enrol(&ams, &door, password, "").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    }
}

#[tokio::test]
async fn the_password_is_told_as_set_or_not_set_only() {
    let ams = with_password().await;
    let config = ams.get("/1.0/config").await;
    assert!(!config.json().to_string().contains(PASSWORD));
    assert_ne!(config.metadata()["config"]["core.trust_password"], "");
}

#[tokio::test]
async fn certificates_are_added_listed_shown_and_removed() {
    let ams = Running::start().await;
    let identity = ams.identity("client");
    let fingerprint = identity.certificate().fingerprint().to_string();
    let door = Door::Remote(Some(identity.clone()));
    let body = json!({"certificate": base64(&identity)});
    let added = ams.json(Method::POST, "/1.0/certificates", body).await;
    ams.succeed(&added).await;

    let address = format!("/1.0/certificates/{fingerprint}");
    let list = ams.get("/1.0/certificates").await.json();
    assert_eq!(
        (&list["metadata"], &list["total_size"]),
        (&json!([address]), &json!(1))
    );
    let shown = json!({"certificate": base64(&identity), "fingerprint": fingerprint});
    let list = ams.get("/1.0/certificates?recursion=1").await;
    assert_eq!(list.metadata(), json!([shown]));
    let by_prefix = ams.get(&address[..address.len() - 50]).await;
    assert_eq!(by_prefix.metadata(), shown);

    let mut again = request(Method::GET, &address, Body::empty());
    let tag = by_prefix.headers["etag"].clone();
    again.headers_mut().insert("if-none-match", tag);
    assert_eq!(
        ams.call(&Door::Local, again).await.status,
        StatusCode::NOT_MODIFIED
    );

    let removed = request(Method::DELETE, &address, Body::empty());
    ams.succeed(&ams.call(&Door::Local, removed).await).await;
    assert_eq!(ams.get(&address).await.status, StatusCode::NOT_FOUND);
    assert!(!is_trusted(&ams, &door).await);
}

#[tokio::test]
async fn a_certificate_that_is_none_is_refused() {
    let ams = Running::start().await;
    for certificate in ["", "AAAA", "not base64!"] {
        let body = json!({"certificate": certificate});
        let refused = ams.json(Method::POST, "/1.0/certificates", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    }
}
