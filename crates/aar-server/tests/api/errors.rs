//! The bodies of errors: envelope, code and message.

use aar_http::Method;
use serde_json::json;

use crate::{
    content::content,
    personas::{FullResponse, Persona, TestServer},
};

fn shown(what: &str, response: &FullResponse) -> String {
    assert!(!response.header("x-request-id").is_empty(), "{what}");
    format!(
        "{what}\n{} {}\n",
        response.status,
        serde_json::to_string_pretty(&response.json()).unwrap()
    )
}

async fn gets(persona: &Persona, paths: &[&str]) -> String {
    let mut all = Vec::new();
    for path in paths {
        all.push(shown(&format!("GET {path}"), &persona.get(path).await));
    }
    all.join("\n")
}

#[tokio::test]
async fn refusals_name_their_reason() {
    let server = TestServer::start().await;
    let mut all = Vec::new();
    for (name, persona) in [
        ("anonymous", server.anonymous()),
        ("unknown", server.unknown()),
        ("removed", server.removed().await),
        ("revoked", server.revoked().await),
        ("expired", server.expired().await),
        ("not yet valid", server.not_yet_valid().await),
        ("client", server.client().await),
    ] {
        let response = persona.delete("/1.0/applications/a").await;
        all.push(shown(name, &response));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn invalid_requests_are_refused_by_part() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let all = gets(
        &client,
        &[
            "/1.0/applications?architecture=x86",
            "/1.0/applications?limit=many",
            "/1.0/applications?limit=0",
            "/1.0/applications?recursion=2",
            "/1.0/applications?colour=red",
            "/1.0/applications/a%20b",
            "/1.0/applications/a/x86/versions/0",
            "/1.0/applications/a/amd64/versions/one",
            "/1.0/applications/a/amd64/versions/+1",
            "/1.0/applications/%ff",
            "/1.0/changes",
            "/1.0/changes?since=-1",
            "/1.0/changes?since=0&wait=301",
        ],
    )
    .await;
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn invalid_bodies_are_refused_by_field() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    let version = "/1.0/applications/a/amd64/versions/0";
    let mut all = Vec::new();
    for body in [
        json!({}),
        json!({ "image": { "fingerprint": "abc", "digest": "abc", "size": 1 } }),
        json!({ "image": 7 }),
    ] {
        let what = format!("PUT {body}");
        all.push(shown(&what, &publisher.put(version, &body).await));
    }
    all.push(shown(
        "PATCH",
        &publisher.patch(version, &json!({ "publish": true })).await,
    ));
    for body in [
        "{",
        "[]",
        r#"{"published": true, "published": false}"#,
        r#"{"manifest": {"later": [{"a": 1, "a": 2}]}}"#,
    ] {
        let raw = publisher
            .request(Method::PUT, version)
            .header("Content-Type", "application/json")
            .body(body);
        all.push(shown(&format!("PUT {body}"), &FullResponse::of(raw).await));
    }
    let text = publisher.request(Method::PUT, version).body("{}");
    all.push(shown("PUT without type", &FullResponse::of(text).await));
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn invalid_uploads_are_refused_by_header() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    let post = |headers: &[(&str, &str)]| {
        let request = publisher.request(Method::POST, "/1.0/uploads");
        headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    };
    let tus = ("Tus-Resumable", "1.0.0");
    let mut all = Vec::new();
    for headers in [
        &[][..],
        &[tus],
        &[tus, ("Upload-Length", "-1")],
        &[tus, ("Upload-Length", "10")],
        &[
            tus,
            ("Upload-Length", "10"),
            ("Upload-Metadata", "digest YWJj"),
        ],
    ] {
        all.push(shown(
            &format!("{headers:?}"),
            &FullResponse::of(post(headers)).await,
        ));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn missing_routes_and_resources_have_different_codes() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut all = vec![
        gets(
            &client,
            &[
                "/2.0",
                "/1.0/aplications",
                "/1.0/applications/a",
                "/1.0/applications/a/amd64/versions/0",
                "/1.0/applications/a/amd64/versions/0/image",
            ],
        )
        .await,
    ];
    let posted = FullResponse::of(client.request(Method::POST, "/1.0/applications")).await;
    assert_eq!(posted.header("allow"), "GET,HEAD");
    all.push(shown("POST /1.0/applications", &posted));
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn failure_of_the_server_tells_only_the_request_id() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher
        .publish("a/amd64/versions/0", &content(6000))
        .await;
    fs_err::remove_dir_all(server.base().join("data/blobs")).unwrap();
    let failed = publisher
        .get("/1.0/applications/a/amd64/versions/0/image")
        .await;
    assert_eq!((failed.status, failed.code().as_str()), (500, "internal"));
    let id = failed.header("x-request-id");
    let expected = json!({
        "type": "error",
        "error": "the registry failed: its log has the cause under the request id",
        "error_code": 500,
        "code": "internal",
        "request_id": id,
    });
    assert_eq!(failed.json(), expected);
}
