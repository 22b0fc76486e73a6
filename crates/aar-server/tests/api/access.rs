//! The access table: every route of the OpenAPI document, for every kind of caller.

use std::collections::BTreeMap;

use aar_http::Method;
use aar_types::ErrorCode;
use serde_json::{Value, json};

use crate::content::content;
use crate::personas::{FullResponse, Persona, TestServer};

/// The callers that a route is for.
#[derive(Clone, Copy, PartialEq)]
enum Audience {
    Everyone,
    Clients,
    Publishers,
}
use Audience::{Clients, Everyone, Publishers};

/// All routes, in the order of the route table. A missing route fails a test.
const ROUTES: &[(&str, &str, Audience)] = &[
    ("GET", "/", Everyone),
    ("GET", "/1.0", Everyone),
    ("GET", "/1.0/status", Everyone),
    ("GET", "/1.0/openapi.json", Everyone),
    ("GET", "/1.0/applications", Clients),
    ("GET", "/1.0/applications/{name}", Clients),
    ("DELETE", "/1.0/applications/{name}", Publishers),
    ("PUT", "/1.0/applications/{name}/{architecture}", Publishers),
    (
        "GET",
        "/1.0/applications/{name}/{architecture}/versions/{number}",
        Clients,
    ),
    (
        "PUT",
        "/1.0/applications/{name}/{architecture}/versions/{number}",
        Publishers,
    ),
    (
        "PATCH",
        "/1.0/applications/{name}/{architecture}/versions/{number}",
        Publishers,
    ),
    (
        "DELETE",
        "/1.0/applications/{name}/{architecture}/versions/{number}",
        Publishers,
    ),
    (
        "GET",
        "/1.0/applications/{name}/{architecture}/versions/{number}/image",
        Clients,
    ),
    (
        "HEAD",
        "/1.0/applications/{name}/{architecture}/versions/{number}/image",
        Clients,
    ),
    ("GET", "/1.0/changes", Clients),
    ("PUT", "/1.0/clients/self", Clients),
    ("GET", "/1.0/fleet", Publishers),
    ("GET", "/1.0/fleet/{site}", Publishers),
    ("GET", "/1.0/fleet/applications/{name}", Publishers),
    ("OPTIONS", "/1.0/uploads", Publishers),
    ("POST", "/1.0/uploads", Publishers),
    ("HEAD", "/1.0/uploads/{id}", Publishers),
    ("PATCH", "/1.0/uploads/{id}", Publishers),
    ("DELETE", "/1.0/uploads/{id}", Publishers),
];

/// The routes of the OpenAPI document.
fn documented() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&aar_server::openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let routes = paths.into_iter().flat_map(|(path, item)| {
        let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_uppercase(), path.clone()))
    });
    routes.collect()
}

#[test]
fn routes_and_rows_of_the_access_table_match() {
    let mut documented = documented();
    let rows = ROUTES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    let mut rows: Vec<_> = rows.collect();
    documented.sort();
    rows.sort();
    assert_eq!(rows, documented);
}

/// The path of a route, with names that do not exist, so that authorised requests change nothing.
fn concrete(path: &str) -> String {
    path.replace("{name}", "absent")
        .replace("{architecture}", "amd64")
        .replace("{number}", "7")
        .replace("{site}", "absent")
        .replace("{id}", "00000000-0000-4000-8000-000000000000")
}

async fn call(persona: &Persona, method: &str, path: &str) -> FullResponse {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = persona.tus(method.clone(), &concrete(path));
    FullResponse::of(match method {
        Method::PUT | Method::PATCH => request.json(&json!({})),
        _ => request,
    })
    .await
}

/// The refusals of a persona on routes for clients and on routes for publishers.
type Expected = (Option<ErrorCode>, Option<ErrorCode>);

#[tokio::test]
async fn access_table_holds_for_every_persona() {
    let server = TestServer::start().await;
    let everywhere = |code| (Some(code), Some(code));
    let personas: [(&str, Persona, Expected); 8] = [
        (
            "anonymous",
            server.anonymous(),
            everywhere(ErrorCode::CertificateRequired),
        ),
        (
            "unknown",
            server.unknown(),
            everywhere(ErrorCode::CertificateUnknown),
        ),
        (
            "client",
            server.client().await,
            (None, Some(ErrorCode::RoleInsufficient)),
        ),
        ("publisher", server.publisher().await, (None, None)),
        (
            "removed",
            server.removed().await,
            everywhere(ErrorCode::CertificateUnknown),
        ),
        (
            "revoked",
            server.revoked().await,
            everywhere(ErrorCode::CertificateRevoked),
        ),
        (
            "expired",
            server.expired().await,
            everywhere(ErrorCode::CertificateExpired),
        ),
        (
            "early",
            server.not_yet_valid().await,
            everywhere(ErrorCode::CertificateNotYetValid),
        ),
    ];
    let mut responses = BTreeMap::new();
    for (name, persona, (as_client, as_publisher)) in &personas {
        for (method, path, audience) in ROUTES {
            let refusal = match audience {
                Everyone => None,
                Clients => *as_client,
                Publishers => *as_publisher,
            };
            let response = call(persona, method, path).await;
            check(name, method, path, refusal, &response);
            responses.insert((*name, *method, *path), response.status);
        }
    }
    assert_eq!(responses.len(), personas.len() * ROUTES.len());
}

fn check(
    name: &str,
    method: &str,
    path: &str,
    refusal: Option<ErrorCode>,
    response: &FullResponse,
) {
    let (status, code) = (response.status, response.code());
    let result = format!("{name}: {method} {path}: {status} {code}");
    match refusal {
        Some(refusal) => {
            assert_eq!(status, refusal.status(), "{result}");
            let has_code = method == "HEAD" || code == refusal.as_str();
            assert!(has_code, "{result}");
        }
        None => assert!(![401, 403].contains(&status) && status < 500, "{result}"),
    }
}

#[tokio::test]
async fn invalid_request_of_an_unknown_caller_is_refused_for_its_certificate() {
    let server = TestServer::start().await;
    let unknown = server.unknown();
    for path in [
        "/1.0/applications?recursion=9",
        "/1.0/applications/a%20b",
        "/1.0/changes",
    ] {
        assert_eq!(
            unknown.get(path).await.code(),
            "certificate_unknown",
            "{path}"
        );
    }
}

#[tokio::test]
async fn root_shows_trust_and_role_of_the_caller() {
    let server = TestServer::start().await;
    for (persona, auth, role) in [
        (server.anonymous(), "untrusted", Value::Null),
        (server.unknown(), "untrusted", Value::Null),
        (server.expired().await, "untrusted", Value::Null),
        (server.client().await, "trusted", json!("client")),
        (server.publisher().await, "trusted", json!("publisher")),
    ] {
        let info = persona.get("/1.0").await.json();
        assert_eq!(info["metadata"]["auth"], auth);
        assert_eq!(info["metadata"]["role"], role);
    }
    let versions = server.anonymous().get("/").await.json();
    assert_eq!(versions["metadata"], json!(["/1.0"]));
}

#[tokio::test]
async fn audit_log_has_writes_and_refusals() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher
        .publish("game/amd64/versions/0", &content(6000))
        .await;
    assert_eq!(client.delete("/1.0/applications/game").await.status, 403);
    let audited = async |caller: &Persona, outcome: &str| {
        let log = server.aar(&["audit", "--format", "json"]).await;
        let entries: Vec<Value> = serde_json::from_str(&log).unwrap();
        entries.into_iter().any(|entry| {
            entry["fingerprint"] == *caller.fingerprint()
                && entry["outcome"] == outcome
                && entry["address"] == "127.0.0.1"
        })
    };
    assert!(audited(&publisher, "done").await);
    // Refusals are written in the background.
    let written = async {
        while !audited(&client, "refused").await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), written)
        .await
        .unwrap();
}
