//! The access table: every route, for every kind of caller.

use aar_tls::{Identity, NewIdentity};
use ams::http::ROUTES;
use axum::body::Body;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::running_ams::{Caller, FullResponse, RunningAms, request};

const PUBLIC: &[(&str, &str)] = &[
    ("get", "/"),
    ("get", "/1.0"),
    ("get", "/1.0/"),
    ("get", "/1.0/version"),
];

/// A kind of caller and its refusals.
struct Persona {
    name: &'static str,
    caller: Caller,
    refused: Option<(StatusCode, &'static str)>,
}

async fn personas(ams: &RunningAms) -> Vec<Persona> {
    let persona = |name, caller, refused| Persona {
        name,
        caller,
        refused,
    };
    let forbidden = |reason| Some((StatusCode::FORBIDDEN, reason));
    let removed = ams.trusted("removed").await;
    let Caller::Remote(Some(identity)) = &removed else {
        panic!("a trusted caller has a certificate");
    };
    let fingerprint = identity.certificate().fingerprint();
    ams.ams.trust().remove(&fingerprint.into()).await.unwrap();
    let expired = short_lived(ams.now());
    let early = short_lived(ams.now() + SignedDuration::from_hours(12));
    for identity in [&expired, &early] {
        ams.ams.trust().add(identity.certificate()).await.unwrap();
    }
    ams.clock.advance(SignedDuration::from_hours(2));
    vec![
        persona("Unix socket", Caller::Local, None),
        persona("trusted", ams.trusted("trusted").await, None),
        persona(
            "no certificate",
            Caller::Remote(None),
            Some((StatusCode::UNAUTHORIZED, "no client certificate")),
        ),
        persona(
            "unknown",
            Caller::Remote(Some(ams.identity("unknown"))),
            forbidden("not in the trust store"),
        ),
        persona("removed", removed, forbidden("not in the trust store")),
        persona(
            "expired",
            Caller::Remote(Some(expired)),
            forbidden("has expired"),
        ),
        persona(
            "not yet valid",
            Caller::Remote(Some(early)),
            forbidden("not valid yet"),
        ),
    ]
}

fn short_lived(from: Timestamp) -> Identity {
    Identity::generate(&NewIdentity {
        common_name: "short-lived".to_owned(),
        hosts: vec!["localhost".to_owned()],
        not_before: from,
        not_after: from + SignedDuration::from_hours(1),
    })
    .unwrap()
}

async fn call(ams: &RunningAms, caller: &Caller, method: &str, route: &str) -> FullResponse {
    let path = route
        .replace("{id}", "nothing")
        .replace("{version}", "0")
        .replace("{fingerprint}", "0000")
        .replace("{uuid}", "bc85137b-b20d-470a-a6ea-daa9a2b8506a");
    let method: Method = method.to_uppercase().parse().unwrap();
    ams.call(caller, request(method, &path, Body::empty()))
        .await
}

#[tokio::test]
async fn access_table_holds_for_every_persona() {
    let ams = RunningAms::start().await;
    for persona in personas(&ams).await {
        for (method, route) in ROUTES {
            let response = call(&ams, &persona.caller, method, route).await;
            let context = format!("{} {method} {route}: {response:?}", persona.name);
            let is_public = PUBLIC.contains(&(method, route));
            match persona.refused {
                Some((status, reason)) if !is_public => {
                    assert_eq!(response.status, status, "{context}");
                    assert!(response.error().contains(reason), "{context}");
                }
                _ if is_public => assert_eq!(response.status, StatusCode::OK, "{context}"),
                _ => assert!(!is_refusal(&response), "{context}"),
            }
        }
    }
}

fn is_refusal(response: &FullResponse) -> bool {
    let error = response.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    error.contains("not authorized")
}

#[tokio::test]
async fn public_routes_show_trust_extensions_and_versions() {
    let ams = RunningAms::start().await;
    let trusted = ams.trusted("trusted").await;
    for (caller, auth) in [(&trusted, "trusted"), (&Caller::Remote(None), "untrusted")] {
        let status = call(&ams, caller, "get", "/1.0/").await.metadata();
        assert_eq!(status["auth"], auth);
        assert_eq!(status["api_status"], "stable");
        let extensions = status["api_extensions"].as_array().unwrap();
        assert!(
            extensions.contains(&"bulk_delete.applications".into()),
            "{status}"
        );
    }
    let versions = call(&ams, &Caller::Remote(None), "get", "/").await;
    assert_eq!(versions.metadata(), serde_json::json!(["/1.0"]));
    let version = call(&ams, &Caller::Remote(None), "get", "/1.0/version").await;
    assert_eq!(version.metadata()["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn rate_limit_applies_to_https_only_and_changes_at_once() {
    let ams = RunningAms::start().await;
    let trusted = ams.trusted("trusted").await;
    let status = async |caller: &Caller| call(&ams, caller, "get", "/1.0/version").await.status;
    ams.ams
        .config()
        .set("core.max_requests_per_second", "1")
        .await
        .unwrap();
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(status(&trusted).await);
    }
    assert!(
        statuses.contains(&StatusCode::TOO_MANY_REQUESTS),
        "{statuses:?}"
    );
    for _ in 0..10 {
        assert_eq!(status(&Caller::Local).await, StatusCode::OK);
    }
    ams.ams
        .config()
        .set("core.max_requests_per_second", "1000")
        .await
        .unwrap();
    for _ in 0..10 {
        assert_eq!(status(&trusted).await, StatusCode::OK);
    }
}
