//! Who may call what: every route that there is, by every kind of caller.

use aar_tls::{Identity, NewIdentity};
use ams::http::ROUTES;
use axum::body::Body;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::running::{Answer, Door, Running, request};

/// What everybody may call.
const OPEN: &[(&str, &str)] = &[
    ("get", "/"),
    ("get", "/1.0"),
    ("get", "/1.0/"),
    ("get", "/1.0/version"),
];

/// A kind of caller, and how its refusals read.
struct Persona {
    name: &'static str,
    door: Door,
    refused: Option<(StatusCode, &'static str)>,
}

async fn personas(ams: &Running) -> Vec<Persona> {
    let persona = |name, door, refused| Persona {
        name,
        door,
        refused,
    };
    let forbidden = |reason| Some((StatusCode::FORBIDDEN, reason));
    let removed = ams.trusted("removed").await;
    if let Door::Remote(Some(identity)) = &removed {
        let fingerprint = identity.certificate().fingerprint();
        ams.ams.trust().remove(&fingerprint.into()).await.unwrap();
    }
    let expired = short_lived(ams.now());
    let early = short_lived(ams.now() + SignedDuration::from_hours(12));
    for identity in [&expired, &early] {
        ams.ams.trust().add(identity.certificate()).await.unwrap();
    }
    ams.clock.advance(SignedDuration::from_hours(2));
    vec![
        persona("unix socket", Door::Local, None),
        persona("trusted", ams.trusted("trusted").await, None),
        persona(
            "no certificate",
            Door::Remote(None),
            Some((StatusCode::UNAUTHORIZED, "no client certificate")),
        ),
        persona(
            "unknown",
            Door::Remote(Some(ams.identity("unknown"))),
            forbidden("not in the trust store"),
        ),
        persona("removed", removed, forbidden("not in the trust store")),
        persona(
            "expired",
            Door::Remote(Some(expired)),
            forbidden("has expired"),
        ),
        persona(
            "not yet valid",
            Door::Remote(Some(early)),
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

async fn ask(ams: &Running, door: &Door, method: &str, route: &str) -> Answer {
    let path = route
        .replace("{id}", "nothing")
        .replace("{version}", "0")
        .replace("{fingerprint}", "0000")
        .replace("{uuid}", "bc85137b-b20d-470a-a6ea-daa9a2b8506a");
    let method: Method = method.to_uppercase().parse().unwrap();
    ams.call(door, request(method, &path, Body::empty())).await
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let ams = Running::start().await;
    for persona in personas(&ams).await {
        for (method, route) in ROUTES {
            let answer = ask(&ams, &persona.door, method, route).await;
            let what = format!("{} {method} {route}: {answer:?}", persona.name);
            let open = OPEN.contains(&(method, route));
            match persona.refused {
                Some((status, reason)) if !open => {
                    assert_eq!(answer.status, status, "{what}");
                    assert!(answer.error().contains(reason), "{what}");
                }
                _ if open => assert_eq!(answer.status, StatusCode::OK, "{what}"),
                _ => assert!(!is_refusal(&answer), "{what}"),
            }
        }
    }
}

fn is_refusal(answer: &Answer) -> bool {
    let error = answer.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    error.contains("not authorized")
}

#[tokio::test]
async fn everybody_is_told_whether_they_are_trusted_and_what_there_is() {
    let ams = Running::start().await;
    let trusted = ams.trusted("trusted").await;
    for (door, auth) in [(&trusted, "trusted"), (&Door::Remote(None), "untrusted")] {
        let status = ask(&ams, door, "get", "/1.0/").await.metadata();
        assert_eq!(status["auth"], auth);
        assert_eq!(status["api_status"], "stable");
        let extensions = status["api_extensions"].as_array().unwrap();
        assert!(
            extensions.contains(&"bulk_delete.applications".into()),
            "{status}"
        );
    }
    let versions = ask(&ams, &Door::Remote(None), "get", "/").await;
    assert_eq!(versions.metadata(), serde_json::json!(["/1.0"]));
    let version = ask(&ams, &Door::Remote(None), "get", "/1.0/version").await;
    assert_eq!(version.metadata()["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn the_limit_of_requests_holds_on_https_only_and_changes_live() {
    let ams = Running::start().await;
    let trusted = ams.trusted("trusted").await;
    let ask = async |door: &Door| ask(&ams, door, "get", "/1.0/version").await.status;
    ams.ams
        .config()
        .set("core.max_requests_per_second", "1")
        .await
        .unwrap();
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(ask(&trusted).await);
    }
    assert!(
        statuses.contains(&StatusCode::TOO_MANY_REQUESTS),
        "{statuses:?}"
    );
    for _ in 0..10 {
        assert_eq!(ask(&Door::Local).await, StatusCode::OK);
    }
    ams.ams
        .config()
        .set("core.max_requests_per_second", "1000")
        .await
        .unwrap();
    for _ in 0..10 {
        assert_eq!(ask(&trusted).await, StatusCode::OK);
    }
}
