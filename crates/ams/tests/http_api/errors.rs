//! The bodies of errors.

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::running_ams::{Caller, FullResponse, RunningAms, request};

fn snapshot(name: &str, response: &FullResponse) {
    let response = json!({"status": response.status.as_u16(), "body": response.json()});
    insta::assert_json_snapshot!(name, response);
}

#[tokio::test]
async fn errors_have_one_form() {
    let ams = RunningAms::start().await;
    let send = async |method: Method, path: &str, body: &str| {
        let body = Body::from(body.to_owned());
        ams.call(&Caller::Local, request(method, path, body)).await
    };
    let get = async |path: &str| send(Method::GET, path, "").await;

    snapshot("no_such_route", &get("/2.0/applications").await);
    snapshot("wrong_method", &send(Method::PUT, "/1.0/config", "").await);
    snapshot(
        "no_such_application",
        &get("/1.0/applications/nothing").await,
    );
    snapshot(
        "not_a_version_number",
        &get("/1.0/applications/nothing/latest").await,
    );
    snapshot(
        "no_such_operation",
        &get("/1.0/operations/bc85137b-b20d-470a-a6ea-daa9a2b8506a").await,
    );
    snapshot("not_a_fingerprint", &get("/1.0/certificates/xyz").await);
    snapshot(
        "no_such_certificate",
        &get("/1.0/certificates/0123456789ab").await,
    );
    snapshot(
        "not_json",
        &send(Method::PATCH, "/1.0/config", "name=value").await,
    );
    snapshot(
        "not_an_object",
        &send(
            Method::PATCH,
            "/1.0/config",
            r#"["registry.mode", "manual"]"#,
        )
        .await,
    );
    snapshot(
        "not_a_text",
        &send(
            Method::PATCH,
            "/1.0/config",
            r#"{"name": "registry.mode", "value": 1}"#,
        )
        .await,
    );
    snapshot("not_a_number", &get("/1.0/applications?limit=many").await);
    snapshot(
        "not_a_filter_value",
        &get("/1.0/applications?vm=perhaps").await,
    );
    snapshot(
        "registry_not_configured",
        &get("/1.0/registry/applications").await,
    );
    let unnamed = send(Method::POST, "/1.0/registry/applications/push", "").await;
    snapshot("registry_push_without_application", &unnamed);

    let anonymous = request(Method::GET, "/1.0/config", Body::empty());
    snapshot(
        "no_certificate",
        &ams.call(&Caller::Remote(None), anonymous).await,
    );
    let path = "/1.0/registry/applications/a%20b";
    snapshot(
        "not_an_application_name",
        &send(Method::DELETE, path, "").await,
    );

    let set = async |name: &str, value: &str| {
        let body = json!({"name": name, "value": value}).to_string();
        send(Method::PATCH, "/1.0/config", &body).await
    };
    snapshot("no_such_config_item", &set("registry.colour", "red").await);
    snapshot(
        "read_only_config_item",
        &set("core.https_address", "1.2.3.4:5").await,
    );
    snapshot("not_a_config_value", &set("registry.mode", "both").await);
}

#[tokio::test]
async fn task_has_no_websocket() {
    let ams = RunningAms::start().await;
    let change = json!({"name": "registry.filter", "value": "a"});
    let changed = ams.json(Method::PATCH, "/1.0/config", change).await;
    let address = changed.header("location").to_owned();
    let refused = ams.get(&format!("{address}/websocket?secret=x")).await;
    assert_eq!(refused.status, http::StatusCode::BAD_REQUEST);
    assert!(refused.error().contains("is a task"), "{refused:?}");
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let ams = RunningAms::start().await;
    let (one, other) = (ams.get("/1.0").await, ams.get("/3.0").await);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn fingerprint_of_few_digits_is_refused() {
    let ams = RunningAms::start().await;
    let caller = ams.trusted("tester").await;
    let Caller::Remote(Some(identity)) = &caller else {
        panic!("a trusted caller has a certificate");
    };
    let own = identity.certificate().fingerprint().to_string();
    let call = async |method, caller: &Caller, digits: &str| {
        let path = format!("/1.0/certificates/{digits}");
        ams.call(caller, request(method, &path, Body::empty()))
            .await
    };
    let delete = async |caller: &Caller, digits: &str| call(Method::DELETE, caller, digits).await;
    let get = async |caller: &Caller, digits: &str| call(Method::GET, caller, digits).await;
    for few in [1, 2, 11] {
        let shown = get(&caller, &own[..few]).await;
        for refused in [shown, delete(&caller, &own[..few]).await] {
            assert_eq!(refused.status, 400);
            let error = refused.json()["error"].to_string();
            assert!(error.contains("at least its first 12 digits"), "{error}");
        }
    }
    let enough = &own[..12];
    assert_eq!(get(&caller, enough).await.status, 200);
    assert_eq!(delete(&Caller::Local, enough).await.status, 202);
    assert_eq!(delete(&caller, &own).await.status, 403);
}

#[tokio::test]
async fn removal_of_a_certificate_in_another_state_is_refused() {
    let ams = RunningAms::start().await;
    let Caller::Remote(Some(identity)) = ams.trusted("tester").await else {
        panic!("a trusted caller has a certificate");
    };
    let fingerprint = identity.certificate().fingerprint();
    let path = format!("/1.0/certificates/{fingerprint}");
    let tag = ams.get(&path).await.header("etag").to_owned();
    for (tag, status) in [("\"other\"", 412), (&*tag, 202)] {
        let mut delete = request(Method::DELETE, &path, Body::empty());
        delete
            .headers_mut()
            .insert("if-match", tag.parse().unwrap());
        let response = ams.call(&Caller::Local, delete).await;
        assert_eq!(response.status, status, "{response:?}");
        assert_eq!(ams.ams.trust().contains(&fingerprint), status == 412);
    }
}

#[tokio::test]
async fn leading_slashes_are_merged() {
    let ams = RunningAms::start().await;
    let change = json!({"name": "registry.filter", "value": "a"});
    let changed = ams.json(Method::PATCH, "/1.0/config", change).await;
    let address = changed.header("location").to_owned();
    let operation = ams.get(&format!("/{address}?x=1")).await;
    assert_eq!(
        operation.metadata()["description"],
        "Setting registry.filter"
    );
    let listed = ams.get("///1.0/applications?limit=0").await;
    assert_eq!(listed.json()["metadata"], json!([]));
    assert_eq!(ams.get("/1.0//applications").await.status, 404);
}

#[tokio::test]
async fn removals_cannot_be_confirmed_for_one_application() {
    let ams = RunningAms::start().await;
    let path = "/1.0/registry/applications/game/pull";
    let response = ams.json(Method::POST, path, json!({"confirm_removals": true}));
    let response = response.await;
    assert_eq!(response.status, http::StatusCode::BAD_REQUEST);
    assert!(
        response.error().contains("/1.0/registry/sync"),
        "{response:?}"
    );
}
