//! Applications: uploads, changes, lists, downloads.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::running_ams::{Caller, FullResponse, RunningAms, package, request, sha256, upload};

const GAME: &str = "name: game\ninstance-type: a4.3\ntags: [fun, created_by=anbox]\n";

async fn names(ams: &RunningAms, query: &str) -> Vec<String> {
    let list = ams
        .get(&format!("/1.0/applications?recursion=1&{query}"))
        .await;
    assert_eq!(list.status, StatusCode::OK, "{list:?}");
    let list = list.metadata();
    let names = list
        .as_array()
        .unwrap()
        .iter()
        .map(|application| application["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

async fn show(ams: &RunningAms, id: &str) -> Value {
    ams.get(&format!("/1.0/applications/{id}")).await.metadata()
}

async fn patch(ams: &RunningAms, id: &str, change: Value) -> FullResponse {
    let path = format!("/1.0/applications/{id}");
    ams.json(Method::PATCH, &path, change).await
}

/// The number of staged files.
fn staged(ams: &RunningAms) -> usize {
    std::fs::read_dir(ams.path("data/artifacts/staging"))
        .unwrap()
        .count()
}

#[tokio::test]
async fn package_becomes_an_application_found_by_id_and_name() {
    let ams = RunningAms::start().await;
    let operation = ams.create(GAME).await;
    let address = &operation.resources["applications"][0];
    let by_id = ams.get(address).await.metadata();
    assert_eq!(by_id, show(&ams, "game").await);
    assert_eq!(
        (&by_id["status"], &by_id["instance_type"]),
        (&json!("ready"), &json!("a4.3"))
    );
    assert_eq!(by_id["versions"][0]["number"], 0);
    let list = ams.get("/1.0/applications").await.json();
    assert_eq!(
        (&list["metadata"], &list["total_size"]),
        (&json!([address]), &json!(1))
    );
}

#[tokio::test]
async fn virtual_machine_is_requested_in_the_query() {
    let ams = RunningAms::start().await;
    for (vm, name) in [
        ("true", "a"),
        ("True", "b"),
        ("1", "c"),
        ("0", "d"),
        ("", "e"),
    ] {
        let path = format!("/1.0/applications?vm={vm}");
        let accepted = upload(Method::POST, &path, package(&format!("name: {name}\n")));
        ams.succeed(&ams.call(&Caller::Local, accepted).await).await;
    }
    assert_eq!(names(&ams, "vm=True").await, ["a", "b", "c"]);
    let invalid = upload(Method::POST, "/1.0/applications?vm=maybe", package(GAME));
    let refused = ams.call(&Caller::Local, invalid).await;
    assert_eq!(refused.error(), "vm: \"maybe\" is neither true nor false");
}

#[tokio::test]
async fn unset_slots_are_shown_as_minus_one_and_accepted_back() {
    let ams = RunningAms::start().await;
    ams.create("name: game\nresources: {cpus: 2, gpu-slots: 0}\n")
        .await;
    let expected = json!({"cpus": 2, "gpu-slots": 0, "vpu-slots": -1});
    assert_eq!(show(&ams, "game").await["resources"], expected);
    let listed = ams.get("/1.0/applications?recursion=1").await.metadata();
    assert_eq!(listed[0]["resources"], expected);
    // Clients send the values back.
    ams.succeed(&patch(&ams, "game", json!({"resources": expected})).await)
        .await;
    assert_eq!(show(&ams, "game").await["resources"], expected);
}

#[tokio::test]
async fn list_is_not_taken_for_an_object() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    for (method, path, body) in [
        (Method::DELETE, "/1.0/applications", json!([["game"], true])),
        (Method::DELETE, "/1.0/applications/game", json!([true])),
        (Method::PATCH, "/1.0/applications/game/0", json!([false])),
        (
            Method::PATCH,
            "/1.0/config",
            json!(["registry.mode", "manual"]),
        ),
        (Method::POST, "/1.0/registry/sync", json!([true])),
    ] {
        let refused = ams.json(method, path, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(refused.error().contains("not an object"), "{refused:?}");
    }
    let game = show(&ams, "game").await;
    assert_eq!(game["versions"][0]["published"], true);
    assert_eq!(ams.ams.config().display_values()["registry.mode"], "pull");
}

#[tokio::test]
async fn package_without_its_media_type_is_refused_with_a_hint() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let send = async |kind: &str, body: Vec<u8>| {
        let mut update = request(Method::PATCH, "/1.0/applications/game", Body::from(body));
        update
            .headers_mut()
            .insert("content-type", kind.parse().unwrap());
        let refused = ams.call(&Caller::Local, update).await;
        assert!(refused.status.is_client_error(), "{refused:?}");
        refused.error()
    };
    let form = "application/x-www-form-urlencoded";
    let hint = "to send a package, set Content-Type: application/octet-stream";
    for package in [package(GAME), vec![7; 2_000_000]] {
        let refusal = send(form, package).await;
        assert!(refusal.ends_with(hint), "{refusal}");
    }
    let refusal = send("application/json", b"{".to_vec()).await;
    assert!(!refusal.contains(hint), "{refusal}");
}

#[tokio::test]
async fn upload_with_a_wrong_fingerprint_is_refused_and_deleted() {
    let ams = RunningAms::start().await;
    let mut wrong = upload(Method::POST, "/1.0/applications", package(GAME));
    let other = sha256(b"other").parse().unwrap();
    wrong.headers_mut().insert("x-ams-fingerprint", other);
    let refused = ams.call(&Caller::Local, wrong).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.error().contains("fingerprint"), "{refused:?}");
    assert!(names(&ams, "").await.is_empty());
    assert_eq!(staged(&ams), 0);
}

#[tokio::test]
async fn incomplete_upload_leaves_nothing() {
    let ams = RunningAms::start().await;
    let mut stream = ams.local().await;
    let head = "POST /1.0/applications HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/octet-stream\r\ncontent-length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[7; 5000]).await.unwrap();
    while staged(&ams) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    drop(stream);
    while staged(&ams) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(names(&ams, "").await.is_empty());
}

#[tokio::test]
async fn expect_continue_is_answered_before_the_upload() {
    let ams = RunningAms::start().await;
    let package = package(GAME);
    let head = format!(
        "POST /1.0/applications HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
         content-type: application/octet-stream\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        package.len(),
    );
    let mut local = ams.local().await;
    local.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    local.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    local.write_all(&package).await.unwrap();
    let mut response = String::new();
    local.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 202"), "{response}");

    let mut anonymous = ams.remote(None).await;
    anonymous.write_all(head.as_bytes()).await.unwrap();
    let mut refusal = [0; 12];
    anonymous.read_exact(&mut refusal).await.unwrap();
    assert_eq!(&refusal, b"HTTP/1.1 401");
}

#[tokio::test]
async fn concurrent_uploads_with_one_name_create_one_application() {
    let ams = RunningAms::start().await;
    let send = || {
        ams.call(
            &Caller::Local,
            upload(Method::POST, "/1.0/applications", package(GAME)),
        )
    };
    let (one, other) = tokio::join!(send(), send());
    let (one, other) = tokio::join!(ams.finish(&one), ams.finish(&other));
    let mut outcomes = [one, other].map(|operation| (operation.status_code.code(), operation.err));
    outcomes.sort();
    assert_eq!(outcomes[0].0, 200);
    assert_eq!(outcomes[1].0, 400);
    assert!(outcomes[1].1.contains("already exists"), "{outcomes:?}");
    assert_eq!(names(&ams, "").await, ["game"]);
}

#[tokio::test]
async fn invalid_package_fails_with_its_reason() {
    let ams = RunningAms::start().await;
    let garbage = upload(Method::POST, "/1.0/applications", vec![7; 1000]);
    let accepted = ams.call(&Caller::Local, garbage).await;
    let operation = ams.finish(&accepted).await;
    assert_eq!(operation.status_code.code(), 400);
    assert!(!operation.err.is_empty());
    assert_eq!(staged(&ams), 0);
}

#[tokio::test]
async fn new_package_adds_a_version() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let second = package("name: game\nversion: '2'\n");
    let accepted = upload(Method::PATCH, "/1.0/applications/game", second);
    ams.succeed(&ams.call(&Caller::Local, accepted).await).await;
    let versions = show(&ams, "game").await["versions"].clone();
    assert_eq!(versions[1]["manifest_version"], "2");
    let other = upload(
        Method::PATCH,
        "/1.0/applications/game",
        package("name: other\n"),
    );
    let failed = ams.finish(&ams.call(&Caller::Local, other).await).await;
    assert!(failed.err.contains("other"), "{failed:?}");
}

#[tokio::test]
async fn attributes_change_in_place_or_add_a_version() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let in_place = json!({"tags": ["new"], "instance-type": "a2.3", "addons": ["ssh"],
        "resources": {"cpus": 3}, "inhibit_auto_updates": true, "node_selector": ["gpu=intel"]});
    ams.succeed(&patch(&ams, "game", in_place).await).await;
    let game = show(&ams, "game").await;
    assert_eq!(game["versions"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&game["tags"], &game["instance_type"]),
        (&json!(["new"]), &json!("a2.3"))
    );
    assert_eq!(game["resources"]["cpus"], 3);

    let changes = [
        json!({"features": ["f"]}),
        json!({"boot_activity": "com.foo.Main"}),
        json!({"video_encoder": "software"}),
        json!({"manifest_version": "7"}),
        json!({"hooks": {"timeout": "5m"}}),
        json!({"watchdog": {"disabled": true, "allowed-packages": []}}),
        json!({"required_permissions": ["*"]}),
        json!({"bootstrap": {"keep": ["app.apk"]}}),
        json!({"services": [{"name": "ssh", "port": 22, "protocols": ["tcp"], "expose": false}]}),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let name = change.as_object().unwrap().keys().next().unwrap().clone();
        ams.succeed(&patch(&ams, "game", change.clone()).await)
            .await;
        let versions = show(&ams, "game").await["versions"].clone();
        let newest = versions.as_array().unwrap().last().unwrap();
        assert_eq!(newest["number"], number + 1, "{name}");
        assert_eq!(newest[&name], change[&name]);
    }
}

#[tokio::test]
async fn empty_patch_and_trailing_slash_are_accepted() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let mut empty = request(Method::PATCH, "/1.0/applications/game/", Body::empty());
    let json = "application/json".parse().unwrap();
    empty.headers_mut().insert("content-type", json);
    ams.succeed(&ams.call(&Caller::Local, empty).await).await;
    assert_eq!(
        show(&ams, "game").await["versions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn change_of_another_state_is_refused() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let tag = ams
        .get("/1.0/applications/game")
        .await
        .header("etag")
        .to_owned();
    let change = |tag: &str, value: &str| {
        let body = Body::from(json!({"tags": [value]}).to_string());
        let mut change = request(Method::PATCH, "/1.0/applications/game", body);
        change
            .headers_mut()
            .insert("if-match", tag.parse().unwrap());
        change
    };
    let changed = ams.call(&Caller::Local, change(&tag, "first")).await;
    ams.succeed(&changed).await;
    let now = ams.get("/1.0/applications/game").await;
    assert_eq!(changed.header("etag"), now.header("etag"));
    let late = ams.call(&Caller::Local, change(&tag, "second")).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{late:?}");
    assert_eq!(show(&ams, "game").await["tags"], json!(["first"]));

    let tag = now.header("etag");
    let send = |value| ams.call(&Caller::Local, change(tag, value));
    let (one, other) = tokio::join!(send("one"), send("other"));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 412]);

    for (method, path, body) in [
        (Method::DELETE, "/1.0/applications/game", "{}"),
        (
            Method::PATCH,
            "/1.0/applications/game/0",
            r#"{"published": false}"#,
        ),
        (Method::DELETE, "/1.0/applications/game/0", "{}"),
    ] {
        let mut late = request(method, path, Body::from(body));
        late.headers_mut().insert("if-match", tag.parse().unwrap());
        let late = ams.call(&Caller::Local, late).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{late:?}");
    }

    let entitled = ams.get("/1.0/applications/game?entitlements=1").await;
    let plain = ams.get("/1.0/applications/game").await;
    assert_eq!(entitled.header("etag"), plain.header("etag"));
    let all = json!(["can_view", "can_edit", "can_delete"]);
    assert_eq!(entitled.metadata()["entitlements"], all);
    assert!(plain.metadata().get("entitlements").is_none());
}

#[tokio::test]
async fn list_has_filters_and_pages() {
    let ams = RunningAms::start().await;
    for name in ["a", "b", "c"] {
        ams.create(&format!("name: {name}\ntags: [all, only-{name}]\n"))
            .await;
    }
    assert_eq!(names(&ams, "tags=only-b").await, ["b"]);
    assert_eq!(names(&ams, "tags=all,only-c").await, ["c"]);
    assert_eq!(
        names(&ams, "name=a&status=ready&vm=false&immutable=false").await,
        ["a"]
    );
    assert!(names(&ams, "status=error").await.is_empty());
    assert_eq!(names(&ams, "status=&name=&vm=&tags=only-b").await, ["b"]);
    assert_eq!(names(&ams, "offset=1&limit=1").await, ["b"]);
    let page = ams.get("/1.0/applications?limit=2").await.json();
    assert_eq!(page["total_size"], 3);
    assert_eq!(page["metadata"].as_array().unwrap().len(), 2);
    for invalid in [
        "vm=perhaps",
        "status=asleep",
        "recursion=2",
        "offset=-1",
        "limit=x",
    ] {
        let refused = ams.get(&format!("/1.0/applications?{invalid}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{invalid}");
    }
}

#[tokio::test]
async fn several_applications_are_deleted_at_once() {
    let ams = RunningAms::start().await;
    for name in ["a", "b", "c"] {
        ams.create(&format!("name: {name}\n")).await;
    }
    let some = json!({"ids": ["a", "nothing"], "force": true});
    let refused = ams.json(Method::DELETE, "/1.0/applications", some).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert_eq!(names(&ams, "").await, ["a", "b", "c"]);
    let some = json!({"ids": ["a", "c"]});
    ams.succeed(&ams.json(Method::DELETE, "/1.0/applications", some).await)
        .await;
    assert_eq!(names(&ams, "").await, ["b"]);
    let last = request(Method::DELETE, "/1.0/applications/b", Body::empty());
    ams.succeed(&ams.call(&Caller::Local, last).await).await;
    assert!(names(&ams, "").await.is_empty());
}

#[tokio::test]
async fn version_is_published_withdrawn_and_deleted() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    for published in [false, true] {
        let path = "/1.0/applications/game/0";
        let change = ams
            .json(Method::PATCH, path, json!({"published": published}))
            .await;
        ams.succeed(&change).await;
        assert_eq!(
            show(&ams, "game").await["versions"][0]["published"],
            published
        );
    }
    let missing = ams
        .json(Method::PATCH, "/1.0/applications/game/0", json!({}))
        .await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    let delete = request(Method::DELETE, "/1.0/applications/game/0", Body::empty());
    ams.succeed(&ams.call(&Caller::Local, delete).await).await;
    assert_eq!(show(&ams, "game").await["versions"], json!([]));
}

#[tokio::test]
async fn image_is_exported_whole_and_in_part_with_its_hash() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let whole = ams.get("/1.0/applications/game/0").await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.header("x-ams-fingerprint"), sha256(&whole.body));
    assert_eq!(whole.header("content-length"), whole.body.len().to_string());
    let manifest = ams.get("/1.0/applications/game/0/manifest").await;
    assert_eq!(whole.header("x-ams-manifestsha256"), sha256(&manifest.body));
    let disposition = whole.header("content-disposition");
    let (_, extension) = disposition.split_once('.').unwrap();
    assert_eq!(extension, "tar.zst");

    let mut rest = request(Method::GET, "/1.0/applications/game/0", Body::empty());
    rest.headers_mut()
        .insert("range", "bytes=100-".parse().unwrap());
    let rest = ams.call(&Caller::Local, rest).await;
    assert_eq!(rest.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(rest.body, whole.body[100..]);
    assert_eq!(rest.header("x-ams-fingerprint"), sha256(&whole.body));
}

#[tokio::test]
async fn manifest_is_downloaded_with_its_hash() {
    let ams = RunningAms::start().await;
    ams.create(GAME).await;
    let newest = ams.get("/1.0/applications/game/manifest").await;
    let of_version = ams.get("/1.0/applications/game/0/manifest").await;
    assert_eq!(newest.body, of_version.body);
    assert_eq!(newest.header("x-ams-manifestsha256"), sha256(&newest.body));
    assert!(newest.body.starts_with(b"name: game"), "{newest:?}");
}

#[tokio::test]
async fn chunked_upload_is_accepted() {
    let ams = RunningAms::start().await;
    let package = package(GAME);
    let fingerprint = sha256(&package).parse().unwrap();
    let pieces: Vec<_> = package.chunks(7).map(Bytes::copy_from_slice).collect();
    let pieces = pieces.into_iter().map(Ok::<_, std::io::Error>);
    let body = Body::from_stream(stream::iter(pieces));
    let mut upload = request(Method::POST, "/1.0/applications", body);
    upload
        .headers_mut()
        .insert("x-ams-fingerprint", fingerprint);
    ams.succeed(&ams.call(&Caller::Local, upload).await).await;
}
