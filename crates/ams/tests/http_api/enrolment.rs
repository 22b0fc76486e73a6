//! Certificates: how callers become trusted and untrusted.

use axum::body::Body;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use crate::running_ams::{Caller, FullResponse, RunningAms, base64, request};

const PASSWORD: &str = "sUp3rs3cr3t";

async fn with_password() -> RunningAms {
    let ams = RunningAms::start().await;
    ams.ams
        .config()
        .set("core.trust_password", PASSWORD)
        .await
        .unwrap();
    ams
}

async fn enrol(
    ams: &RunningAms,
    caller: &Caller,
    password: &str,
    certificate: &str,
) -> FullResponse {
    let body = json!({"certificate": certificate, "trust-password": password});
    let body = Body::from(body.to_string());
    ams.call(caller, request(Method::POST, "/1.0/certificates", body))
        .await
}

async fn is_trusted(ams: &RunningAms, caller: &Caller) -> bool {
    let status = ams
        .call(caller, request(Method::GET, "/1.0", Body::empty()))
        .await;
    status.metadata()["auth"] == "trusted"
}

#[tokio::test]
async fn caller_with_the_trust_password_enrols_itself() {
    let ams = with_password().await;
    let identity = ams.identity("newcomer");
    let caller = Caller::Remote(Some(identity.clone()));
    assert!(!is_trusted(&ams, &caller).await);
    ams.succeed(&enrol(&ams, &caller, PASSWORD, "").await).await;
    assert!(is_trusted(&ams, &caller).await);

    let again = enrol(&ams, &caller, "", &base64(&identity)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.error().contains("already exists"), "{again:?}");
}

#[tokio::test]
async fn wrong_password_is_refused_and_locks_the_address() {
    let ams = with_password().await;
    let caller = Caller::Remote(Some(ams.identity("guesser")));
    let wrong = enrol(&ams, &caller, "guess", "").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let soon = enrol(&ams, &caller, PASSWORD, "").await;
    assert_eq!(soon.status, StatusCode::TOO_MANY_REQUESTS);
    let text = soon.json().to_string();
    assert!(text.contains("wait 1 s"), "{text}");
    assert!(!is_trusted(&ams, &caller).await);
    ams.clock.advance(SignedDuration::from_secs(1));
    ams.succeed(&enrol(&ams, &caller, PASSWORD, "").await).await;
    assert!(is_trusted(&ams, &caller).await);
}

#[tokio::test]
async fn enrolment_without_a_trust_password_is_refused() {
    let ams = RunningAms::start().await;
    let caller = Caller::Remote(Some(ams.identity("newcomer")));
    for password in ["", "guess"] {
        let refused = enrol(&ams, &caller, password, "").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    }
}

#[tokio::test]
async fn trust_password_is_not_shown() {
    let ams = with_password().await;
    let config = ams.get("/1.0/config").await;
    assert!(!config.json().to_string().contains(PASSWORD));
    assert_ne!(config.metadata()["config"]["core.trust_password"], "");
}

#[tokio::test]
async fn certificate_is_added_listed_shown_and_removed() {
    let ams = RunningAms::start().await;
    let identity = ams.identity("client");
    let fingerprint = identity.certificate().fingerprint().to_string();
    let caller = Caller::Remote(Some(identity.clone()));
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
        ams.call(&Caller::Local, again).await.status,
        StatusCode::NOT_MODIFIED
    );

    let removed = request(Method::DELETE, &address, Body::empty());
    ams.succeed(&ams.call(&Caller::Local, removed).await).await;
    assert_eq!(ams.get(&address).await.status, StatusCode::NOT_FOUND);
    assert!(!is_trusted(&ams, &caller).await);
}

#[tokio::test]
async fn invalid_certificate_is_refused() {
    let ams = RunningAms::start().await;
    for certificate in ["", "AAAA", "not base64!"] {
        let body = json!({"certificate": certificate});
        let refused = ams.json(Method::POST, "/1.0/certificates", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    }
}
