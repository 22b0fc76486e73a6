use serde_json::{Value, json};

use crate::{
    content::{content, image, sha256},
    personas::TestServer,
};

const GAME: &str = "game/amd64/versions/0";

#[tokio::test]
async fn version_is_committed_shown_changed_withdrawn_and_deleted() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    let image_0 = content(6000);
    let committed = publisher.publish(GAME, &image_0).await;
    assert_eq!(committed.status, 201, "{}", committed.text());
    assert_eq!(committed.json()["metadata"]["outcome"], "created");

    let path = format!("/1.0/applications/{GAME}");
    let version = client.get(&path).await.json();
    assert_eq!(version["metadata"]["image"], image(&image_0));
    assert_eq!(version["metadata"]["published"], true);

    let tagged = publisher
        .put("/1.0/applications/game/amd64", &json!({ "tags": ["new"] }))
        .await;
    assert_eq!(tagged.json()["metadata"]["changed"], true);
    let application = client.get("/1.0/applications/game").await.json();
    assert_eq!(
        application["metadata"]["variants"][0]["metadata"]["tags"],
        json!(["new"])
    );

    let withdrawn = publisher.patch(&path, &json!({ "published": false })).await;
    assert_eq!(withdrawn.json()["metadata"]["changed"], true);
    assert_eq!(
        client.get(&path).await.json()["metadata"]["published"],
        false
    );

    let removed = publisher.delete("/1.0/applications/game").await;
    assert_eq!(removed.json()["metadata"]["versions"], 1);
    assert_eq!(
        client.get("/1.0/applications/game").await.code(),
        "application_not_found"
    );
    assert_eq!(client.get(&path).await.code(), "version_not_found");
}

/// Responses are cached for each revision, so a change must invalidate them.
#[tokio::test]
async fn change_is_visible_to_the_next_request_of_every_kind() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher.publish(GAME, &content(6000)).await;
    let version = format!("/1.0/applications/{GAME}");
    let paths = [
        "/1.0/applications?recursion=1",
        "/1.0/applications/game",
        &version,
        "/1.0/changes?since=0",
    ];
    let mut before: Vec<Vec<u8>> = Vec::new();
    for published in [false, true, false] {
        publisher
            .patch(&version, &json!({ "published": published }))
            .await;
        let mut bodies = Vec::new();
        for path in paths {
            let first = client.get(path).await;
            assert_eq!(first.body, client.get(path).await.body, "{path}");
            bodies.push(first.body);
        }
        assert!(bodies.iter().zip(&before).all(|(now, then)| now != then));
        before = bodies;
    }
    publisher.delete("/1.0/applications/game").await;
    assert_eq!(client.get(paths[0]).await.json()["metadata"], json!([]));
    assert_eq!(client.get(paths[1]).await.status, 404);
}

#[tokio::test]
async fn repeated_version_changes_nothing_and_other_content_is_refused() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher.publish(GAME, &content(6000)).await;
    let again = publisher.publish(GAME, &content(6000)).await;
    assert_eq!((again.status, again.code()), (200, String::new()));
    assert_eq!(again.json()["metadata"]["outcome"], "unchanged");
    let other = publisher.publish(GAME, &content(7000)).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (409, "version_conflict")
    );
}

#[tokio::test]
async fn version_with_an_invented_fingerprint_or_without_a_package_is_refused() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    let path = format!("/1.0/applications/{GAME}");
    let packed = content(9000);
    let mut invented = image(&packed);
    invented["fingerprint"] = json!("07".repeat(32));
    let noise = vec![7; 9000];
    let fingerprint = image(&packed)["fingerprint"].clone();
    let noise_image = json!({
        "fingerprint": fingerprint, "digest": sha256(&noise), "size": noise.len(),
    });
    for (bytes, declared, reason) in [
        (&packed, invented, "has the fingerprint"),
        (&noise, noise_image, "was not made from a package"),
    ] {
        publisher.upload(bytes).await;
        let refused = publisher.put(&path, &json!({ "image": declared })).await;
        let code = (refused.status, refused.code());
        assert_eq!((code.0, code.1.as_str()), (422, "digest_mismatch"));
        assert!(refused.text().contains(reason), "{}", refused.text());
        assert_eq!(publisher.get(&path).await.status, 404);
    }
}

#[tokio::test]
async fn version_without_stored_image_is_refused() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    let path = format!("/1.0/applications/{GAME}");
    let refused = publisher
        .put(&path, &json!({ "image": image(&content(9000)) }))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "image_not_stored")
    );
    assert_eq!(publisher.get(&path).await.status, 404);
}

#[tokio::test]
async fn manifest_without_a_newer_attribute_gets_its_default() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher.upload(&content(6000)).await;
    let path = format!("/1.0/applications/{GAME}");
    let older = json!({ "image": image(&content(6000)), "manifest": { "boot_activity": "main" } });
    assert_eq!(publisher.put(&path, &older).await.status, 201);
    let manifest = &publisher.get(&path).await.json()["metadata"]["manifest"];
    assert_eq!(manifest["video_encoder"], "gpu-preferred");
}

#[tokio::test]
async fn invalid_declaration_is_refused_by_field_and_changes_nothing() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher.publish(GAME, &content(6000)).await;
    let application = "/1.0/applications/game/amd64";
    let next = "/1.0/applications/game/amd64/versions/1";
    let of = |section: &str, declared: &Value| json!({ "image": image(&content(6000)), section: declared });
    let kind = json!({ "instance_type": "huge" });
    let tags = json!({ "tags": ["good", "a,b"] });
    let hook = json!({ "hooks": { "timeout": "1h" } });
    for (path, body, message) in [
        (
            application,
            kind.clone(),
            "instance_type: \"huge\" is not one of a2.3, a4.3,",
        ),
        (
            application,
            tags,
            "tags[1]: \"a,b\" is not a tag (1 to 250 characters, no comma)",
        ),
        (
            next,
            of("application", &kind),
            "application.instance_type: \"huge\" is not one of",
        ),
        (
            next,
            of("manifest", &hook),
            "manifest.hooks.timeout: \"1h\" is not a duration of 15m",
        ),
    ] {
        let refused = publisher.put(path, &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "invalid_request")
        );
        assert!(
            refused.text().replace('\\', "").contains(message),
            "{}",
            refused.text()
        );
    }
    let game = publisher.get("/1.0/applications/game").await.json();
    let variant = &game["metadata"]["variants"][0];
    assert_eq!(variant["versions"].as_array().unwrap().len(), 1);
    assert_eq!(variant["metadata"]["tags"], json!([]));
}

#[tokio::test]
async fn metadata_change_reaches_clients() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher.publish(GAME, &content(6000)).await;
    let before = client.get("/1.0/applications/game").await;
    let slots = json!({ "resources": { "vpu-slots": 2 } });
    publisher.put("/1.0/applications/game/amd64", &slots).await;
    let etag = before.header("etag");
    let after = client
        .get_with("/1.0/applications/game", &[("If-None-Match", &etag)])
        .await;
    assert_eq!(after.status, 200);
    let resources = &after.json()["metadata"]["variants"][0]["metadata"]["resources"];
    assert_eq!(resources["vpu-slots"], 2);
}

#[tokio::test]
async fn an_unchanged_list_is_answered_with_304_until_it_changes() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher.publish(GAME, &content(6000)).await;
    let first = client.get("/1.0/applications?recursion=1").await;
    let etag = first.header("etag");
    let revision = first.header("aar-revision");
    assert_eq!(
        etag,
        format!("\"{}-{revision}\"", first.header("aar-registry-id"))
    );
    let known = [("If-None-Match", etag.as_str())];
    let second = client
        .get_with("/1.0/applications?recursion=1", &known)
        .await;
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(second.header("aar-revision"), revision);
    publisher
        .publish("game/amd64/versions/1", &content(7000))
        .await;
    let third = client
        .get_with("/1.0/applications?recursion=1", &known)
        .await;
    assert_eq!(third.status, 200);
}

#[tokio::test]
async fn list_has_pages_filters_and_two_forms() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    for version in [
        "a/amd64/versions/0",
        "a/arm64/versions/0",
        "b/arm64/versions/0",
        "c/amd64/versions/0",
    ] {
        assert_eq!(publisher.publish(version, &content(6000)).await.status, 201);
    }
    publisher
        .put("/1.0/applications/b/arm64", &json!({ "tags": ["x"] }))
        .await;
    publisher
        .put("/1.0/applications/c/amd64", &json!({ "tags": ["y"] }))
        .await;
    let listed = async |query: &str| {
        let body = client
            .get(&format!("/1.0/applications{query}"))
            .await
            .json();
        (
            names(&body["metadata"]),
            body["total_size"].as_u64().unwrap(),
        )
    };
    assert_eq!(listed("").await, ("a b c".to_owned(), 3));
    assert_eq!(listed("?recursion=1").await, ("a b c".to_owned(), 3));
    assert_eq!(listed("?offset=1&limit=1").await, ("b".to_owned(), 3));
    assert_eq!(listed("?limit=-1").await, ("a b c".to_owned(), 3));
    assert_eq!(listed("?architecture=arm64").await, ("a b".to_owned(), 2));
    assert_eq!(listed("?tags=x,y").await, ("b c".to_owned(), 2));
    assert_eq!(listed("?tags=none").await, (String::new(), 0));
}

fn names(listed: &Value) -> String {
    let listed = listed.as_array().unwrap().iter();
    let names = listed.map(|entry| match entry.as_str() {
        Some(address) => address.strip_prefix("/1.0/applications/").unwrap(),
        None => entry["name"].as_str().unwrap(),
    });
    names.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn deletion_with_architecture_keeps_the_others() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher
        .publish("a/amd64/versions/0", &content(6000))
        .await;
    publisher
        .publish("a/arm64/versions/0", &content(6000))
        .await;
    assert_eq!(
        publisher
            .delete("/1.0/applications/a?architecture=arm64")
            .await
            .status,
        200
    );
    let left = publisher.get("/1.0/applications/a").await.json();
    let variants = left["metadata"]["variants"].as_array().unwrap().clone();
    assert_eq!(variants.len(), 1);
    assert_eq!(variants[0]["architecture"], "amd64");
    let misspelt = publisher
        .delete("/1.0/applications/a?architecure=arm64")
        .await;
    assert_eq!(
        misspelt.status, 400,
        "a misspelt filter must not select everything"
    );
}

#[tokio::test]
async fn deletion_of_the_last_version_deletes_the_application() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher.publish(GAME, &content(6000)).await;
    let path = format!("/1.0/applications/{GAME}");
    assert_eq!(publisher.delete(&path).await.status, 200);
    assert_eq!(publisher.delete(&path).await.code(), "version_not_found");
    assert_eq!(publisher.get("/1.0/applications/game").await.status, 404);
}
