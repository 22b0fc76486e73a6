use serde_json::{Value, json};

use crate::personas::TestServer;

fn report() -> Value {
    json!({
        "name": "tokyo", "software_version": "1.0", "architecture": "arm64", "mode": "pull",
        "revision": 0, "applied_revision": 0, "later": "an attribute of a newer site",
    })
}

#[tokio::test]
async fn report_of_a_client_is_shown_to_publishers_under_its_certificate() {
    let server = TestServer::start().await;
    let (client, publisher) = (server.client().await, server.publisher().await);
    let info = client.get("/1.0").await.json();
    assert_eq!(info["metadata"]["api_extensions"], json!(["fleet"]));
    assert_eq!(client.put("/1.0/clients/self", &report()).await.status, 204);
    let fleet = publisher.get("/1.0/fleet").await.json();
    let sites = fleet["metadata"]["sites"].as_array().unwrap();
    let states: Vec<_> = sites.iter().map(|site| &site["state"]).collect();
    assert_eq!(states.len(), 2, "{fleet}");
    let heard_of = sites.iter().find(|site| site["role"] == "client").unwrap();
    assert_eq!(heard_of["state"], "in-step");
    assert_eq!(heard_of["report"]["name"], "tokyo");
    let other = sites
        .iter()
        .find(|site| site["role"] == "publisher")
        .unwrap();
    assert_eq!(other["state"], "unknown");
    let fingerprint = heard_of["fingerprint"].as_str().unwrap();
    for name in [fingerprint, &fingerprint[..12]] {
        let one = publisher.get(&format!("/1.0/fleet/{name}")).await.json();
        assert_eq!(one["metadata"], *heard_of);
    }
    assert_eq!(publisher.get("/1.0/fleet/nowhere").await.status, 404);
}

#[tokio::test]
async fn report_beyond_its_bounds_is_refused_by_name() {
    let server = TestServer::start().await;
    let client = server.client().await;
    for (attribute, value) in [
        ("name", json!("x".repeat(101))),
        ("software_version", json!("x".repeat(101))),
        ("filter", json!(vec!["x"; 201])),
        ("mode", json!("sideways")),
        ("architecture", json!("vax")),
        (
            "exceptions",
            json!([{ "application": "../x", "state": "failed" }]),
        ),
    ] {
        let mut report = report();
        report[attribute] = value;
        let refused = client.put("/1.0/clients/self", &report).await;
        assert_eq!(refused.status, 400, "{attribute}");
        let message = refused.json()["error"].to_string();
        assert!(message.contains(attribute), "{message}");
    }
}
