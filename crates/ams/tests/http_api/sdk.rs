//! The calls of the public Go SDK, in its order. The SDK is older than parts of the API definition and sends
//! `null` for unset fields.

use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;

use crate::{
    events,
    running_ams::{Caller, FullResponse, RunningAms, package, request, sha256},
};

/// A client built with the SDK.
struct Sdk<'a> {
    ams: &'a RunningAms,
    caller: Caller,
}

type EventSocket = WebSocketStream<TlsStream<TcpStream>>;

impl<'a> Sdk<'a> {
    /// Enrols a new client with the trust password.
    async fn enrol(ams: &'a RunningAms, name: &str) -> Self {
        let config = ams.ams.config();
        config.set("core.trust_password", "s3cret").await.unwrap();
        let identity = ams.identity(name);
        let certificate = crate::running_ams::base64(&identity);
        let caller = Caller::Remote(Some(identity));
        let sdk = Self { ams, caller };
        let body = json!({"certificate": certificate, "trust-password": "s3cret"});
        let enrolled = sdk.json(Method::POST, "/1.0/certificates", &body).await;
        assert_eq!(enrolled.status, StatusCode::ACCEPTED, "{enrolled:?}");
        sdk
    }

    async fn call(&self, mut request: Request<Body>) -> FullResponse {
        let agent = "Go-http-client/1.1".parse().unwrap();
        request.headers_mut().insert("user-agent", agent);
        self.ams.call(&self.caller, request).await
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.call(request(Method::GET, path, Body::empty())).await;
        assert_eq!(response.status, StatusCode::OK, "{response:?}");
        response.metadata()
    }

    async fn json(&self, method: Method, path: &str, body: &Value) -> FullResponse {
        self.call(request(method, path, Body::from(body.to_string())))
            .await
    }

    /// Sends a package with the headers of the SDK.
    async fn upload(
        &self,
        method: Method,
        path: &str,
        package: Vec<u8>,
        print: &str,
    ) -> FullResponse {
        let mut upload = request(method, path, Body::from(package));
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("x-ams-fingerprint", print),
            ("x-ams-request", ""),
        ] {
            upload.headers_mut().insert(name, value.parse().unwrap());
        }
        self.call(upload).await
    }

    async fn create(&self, manifest: &str) -> FullResponse {
        let package = package(manifest);
        let print = sha256(&package);
        let path = "/1.0/applications?vm=false";
        self.upload(Method::POST, path, package, &print).await
    }

    async fn listen(&self) -> EventSocket {
        let Caller::Remote(identity) = &self.caller else {
            panic!("the SDK connects over HTTPS");
        };
        let stream = self.ams.remote(identity.as_ref()).await;
        events::listen(stream, "").await.unwrap()
    }
}

/// Waits until an operation has ended.
async fn wait(listener: &mut EventSocket, id: &Value) -> Value {
    loop {
        let event = events::event(listener).await;
        let operation = &event["metadata"];
        let status = operation["status_code"].as_u64().unwrap_or_default();
        if event["type"] == "operation" && operation["id"] == *id && status >= 200 {
            return operation.clone();
        }
    }
}

#[tokio::test]
async fn sdk_creates_changes_exports_and_deletes_an_application() {
    let ams = RunningAms::start().await;
    let sdk = Sdk::enrol(&ams, "sdk").await;
    let status = sdk.get("/1.0").await;
    for extension in [
        "zip_archive_support",
        "vm_support",
        "application_image_export",
    ] {
        let offered = status["api_extensions"].as_array().unwrap();
        assert!(offered.contains(&json!(extension)), "{status}");
    }
    let mut listener = sdk.listen().await;
    let accepted = sdk.create("name: game\n").await.metadata();
    assert_eq!(
        wait(&mut listener, &accepted["id"]).await["status"],
        "Success"
    );
    let address = accepted["resources"]["applications"][0].as_str().unwrap();
    assert_eq!(sdk.get(address).await["name"], "game");

    // The SDK sends all fields of its structure, most of them unset.
    let change = json!({"image": null, "instance-type": null, "tags": null, "addons": null,
        "inhibit_auto_updates": null, "watchdog": {"disabled": true, "allowed-packages": null},
        "boot_activity": null, "required_permissions": null, "manifest_version": null,
        "services": [{"protocols": null, "expose": false, "name": "a", "port": 80}]});
    let changed = sdk.json(Method::PATCH, address, &change).await.metadata();
    let ended = wait(&mut listener, &changed["id"]).await;
    assert_eq!(ended["err"], "", "{ended}");
    let versions = sdk.get(address).await["versions"].clone();
    assert_eq!(versions.as_array().unwrap().len(), 2);
    assert_eq!(versions[1]["watchdog"]["disabled"], true);

    let export = request(Method::GET, &format!("{address}/1"), Body::empty());
    let export = sdk.call(export).await;
    assert_eq!(export.header("x-ams-fingerprint"), sha256(&export.body));
    let force = json!({"ids": ["game"], "force": false});
    let deleted = sdk.json(Method::DELETE, "/1.0/applications", &force).await;
    let deleted = wait(&mut listener, &deleted.metadata()["id"]).await;
    assert_eq!(deleted["status_code"], 200, "{deleted}");
}

#[tokio::test]
async fn upload_is_accepted_after_a_wrong_fingerprint() {
    let ams = RunningAms::start().await;
    let sdk = Sdk::enrol(&ams, "sdk").await;
    let package = package("name: game\n");
    let wrong = sha256(b"something else");
    let path = "/1.0/applications";
    let refused = sdk
        .upload(Method::POST, path, package.clone(), &wrong)
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["type"], "error");
    let right = sha256(&package);
    let accepted = sdk.upload(Method::POST, path, package, &right).await;
    ams.succeed(&accepted).await;
}

#[tokio::test]
async fn concurrent_uploads_are_reported_to_all_subscribers() {
    let ams = RunningAms::start().await;
    let (one, other) = (
        Sdk::enrol(&ams, "one").await,
        Sdk::enrol(&ams, "other").await,
    );
    let mut listeners = [one.listen().await, other.listen().await];
    let (a, b) = tokio::join!(one.create("name: a\n"), other.create("name: b\n"));
    let mut begun = [a, b].map(|response| response.metadata()["id"].to_string());
    begun.sort();
    for listener in &mut listeners {
        let mut ended = Vec::new();
        while ended.len() < 2 {
            let event = events::event(listener).await;
            if event["metadata"]["status_code"] == 200 {
                ended.push(event["metadata"]["id"].to_string());
            }
        }
        ended.sort();
        assert_eq!(ended, begun);
    }
}

#[tokio::test]
async fn subscribers_receive_every_operation_under_load() {
    const UPLOADS: usize = 40;
    const LISTENERS: usize = 4;
    let ams = RunningAms::start().await;
    let sdk = Sdk::enrol(&ams, "sdk").await;
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        listeners.push(sdk.listen().await);
    }
    let names = (0..UPLOADS).map(|number| format!("name: game-{number}\n"));
    let uploads = stream::iter(names).map(|manifest| {
        let sdk = &sdk;
        async move { sdk.create(&manifest).await.metadata()["id"].clone() }
    });
    let mut begun: Vec<_> = uploads.buffer_unordered(8).collect().await;
    begun.sort_by_key(Value::to_string);
    for listener in &mut listeners {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        while last.len() < UPLOADS {
            let event = events::event(listener).await;
            let operation = &event["metadata"];
            if event["type"] != "operation" {
                continue;
            }
            if !first.contains(&operation["id"]) {
                assert_eq!(operation["status_code"], 103, "{operation}");
                first.push(operation["id"].clone());
            }
            if operation["status_code"] != 103 {
                assert_eq!(operation["status_code"], 200, "{operation}");
                last.push(operation["id"].clone());
            }
        }
        last.sort_by_key(Value::to_string);
        assert_eq!(last, begun);
    }
}

#[tokio::test]
async fn operations_are_grouped_by_status_for_the_sdk() {
    let ams = RunningAms::start().await;
    let sdk = Sdk::enrol(&ams, "sdk").await;
    assert_eq!(sdk.get("/1.0/operations?recursion=1").await, json!({}));
    let new = ams::operations::NewOperation::on("Waiting", "applications", String::new());
    let operation = ams
        .ams
        .operations()
        .start(new.cancellable(), async |context| {
            context.cancelled().await;
            context.check_cancelled()
        });
    let listed = sdk.get("/1.0/operations?recursion=1").await;
    assert_eq!(listed["running"][0]["id"], operation.id.to_string());
    let address = format!("/1.0/operations/{}", operation.id);
    assert_eq!(sdk.get("/1.0/operations").await, json!([address]));
    let page = sdk.get("/1.0/operations?recursion=1&offset=1").await;
    assert_eq!(page, json!({}));
    for invalid in ["offset=-1", "limit=-2", "limit=many"] {
        let path = format!("/1.0/operations?recursion=1&{invalid}");
        let refused = sdk.call(request(Method::GET, &path, Body::empty())).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{invalid}");
    }

    let cancel = request(Method::DELETE, &address, Body::empty());
    assert_eq!(sdk.call(cancel).await.json()["type"], "sync");
    let ended = sdk.get(&format!("{address}/wait")).await;
    assert_eq!(ended["status"], "Cancelled");
}
