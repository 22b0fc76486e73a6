//! Examples for the tool: existing applications, versions, operations and certificates. Random ones would only
//! get 404.
//!
//! Each operation that deletes or changes has its own example, so requests do not depend on each other.

use aar_testkit::TestRegistry;
use ams::operations::NewOperation;
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::tool_definition::operations;
use crate::{
    connected::connect_to_registry,
    running_ams::{Caller, RunningAms, base64, package, request, upload},
};

/// The applications, named after their purpose.
const APPLICATIONS: &[&str] = &[
    "read",
    "changed",
    "updated",
    "reduced",
    "removed",
    "removed-with-others",
    "pushed",
    "pulled",
    "withdrawn",
];
/// The applications that are also in the registry.
const IN_THE_REGISTRY: &[&str] = &["pulled", "withdrawn"];

/// Values for parameters of paths, by operation and parameter, and for bodies, by operation.
pub(super) struct Examples {
    paths: Vec<(&'static str, &'static str, Vec<Value>)>,
    bodies: Vec<(&'static str, Value)>,
}

impl Examples {
    /// Creates the examples in a new AMS.
    pub(super) async fn create(ams: &RunningAms, registry: &TestRegistry) -> Self {
        connect_to_registry(ams, registry, &registry.url()).await;
        for name in APPLICATIONS {
            ams.create(&format!("name: {name}\n")).await;
        }
        for name in ["read", "reduced"] {
            new_version(ams, name).await;
        }
        for name in IN_THE_REGISTRY {
            let path = format!("/1.0/registry/applications/{name}/push");
            let push = request(Method::POST, &path, Body::empty());
            ams.succeed(&ams.call(&Caller::Local, push).await).await;
        }
        let mut examples = Self::of_applications(&id(ams, "read").await);
        examples.add_operations(ams).await;
        examples.add_certificates(ams).await;
        let item = json!({"name": "registry.filter", "value": "fun"});
        examples.bodies.push(("config_patch", item));
        examples
    }

    fn of_applications(id: &str) -> Self {
        let one = |name: &str| vec![json!(name)];
        let both = vec![json!(0), json!(1)];
        let first = vec![json!(0)];
        Self {
            paths: vec![
                ("application_get", "id", vec![json!(id), json!("read")]),
                ("application_manifest_get", "id", one("read")),
                ("application_version_get", "id", one("read")),
                ("application_version_get", "version", both.clone()),
                ("application_version_manifest_get", "id", one("read")),
                ("application_version_manifest_get", "version", both),
                ("application_version_patch", "id", one("changed")),
                ("application_version_patch", "version", first.clone()),
                ("application_patch_meta", "id", one("changed")),
                ("application_patch_upload", "id", one("updated")),
                ("application_version_delete", "id", one("reduced")),
                ("application_version_delete", "version", first),
                ("application_delete", "id", one("removed")),
                ("registry_applications_push", "id", one("pushed")),
                ("registry_applications_pull", "id", one("pulled")),
                ("registry_applications_delete", "id", one("withdrawn")),
            ],
            bodies: vec![
                ("application_patch_meta", json!({"tags": ["fun"]})),
                ("application_version_patch", json!({"published": true})),
                ("application_version_delete", json!({"force": false})),
                ("application_delete", json!({"force": false})),
                (
                    "applications_delete",
                    json!({"ids": ["removed-with-others"], "force": false}),
                ),
            ],
        }
    }

    async fn add_operations(&mut self, ams: &RunningAms) {
        let ended = ams.create("name: heard-of\n").await.id;
        let new = NewOperation::on("Waiting", "applications", "/1.0/applications/x".to_owned());
        let work = async move |context: ams::operations::OperationContext| {
            context.cancelled().await;
            context.check_cancelled()
        };
        let running = ams.ams.operations().start(new.cancellable(), work).id;
        for (name, id) in [
            ("operation_get", ended),
            ("operation_wait_get", ended),
            ("operation_websocket_get", ended),
            ("operation_delete", running),
        ] {
            self.paths.push((name, "uuid", vec![json!(id)]));
        }
    }

    async fn add_certificates(&mut self, ams: &RunningAms) {
        let [kept, removed, new] = ["kept", "removed", "new"].map(|name| ams.identity(name));
        for (name, identity) in [("certificate_get", kept), ("certificate_delete", removed)] {
            let certificate = identity.certificate();
            ams.ams.trust().add(certificate).await.unwrap();
            let fingerprint = certificate.fingerprint().to_string();
            self.paths
                .push((name, "fingerprint", vec![json!(fingerprint)]));
        }
        let body = json!({"certificate": base64(&new)});
        self.bodies.push(("certificates_post", body));
    }

    /// Adds the values to a definition. Every path parameter and every JSON body needs one.
    pub(super) fn add_to(&self, document: &mut Value) {
        for operation in operations(document) {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let parameters = operation
                .get_mut("parameters")
                .and_then(Value::as_array_mut);
            let parameters = parameters.into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "path") {
                self.add_to_parameter(&name, parameter);
            }
            let body = "/requestBody/content/application~1json";
            if let Some(body) = operation.pointer_mut(body) {
                body["example"] = self.body(&name).clone();
            }
        }
    }

    fn add_to_parameter(&self, operation: &str, parameter: &mut Value) {
        let name = parameter["name"].as_str().unwrap();
        let values = self.values(operation, name);
        parameter["example"] = values[0].clone();
        let schema = &mut parameter["schema"];
        *schema = if ANY_NAME.contains(&operation) {
            json!({"anyOf": [{"enum": values}, schema.take()]})
        } else {
            json!({"enum": values, "type": schema["type"]})
        };
    }

    fn values(&self, operation: &str, parameter: &str) -> &[Value] {
        let mut paths = self.paths.iter();
        let found = paths.find(|(of, name, _)| (*of, *name) == (operation, parameter));
        let found = found.unwrap_or_else(|| panic!("no value for {parameter} of {operation}"));
        &found.2
    }

    fn body(&self, operation: &str) -> &Value {
        let found = self.bodies.iter().find(|(of, _)| *of == operation);
        let found = found.unwrap_or_else(|| panic!("no body for {operation}"));
        &found.1
    }
}

/// These operations start with any name, because they look it up in the registry later.
const ANY_NAME: &[&str] = &["registry_applications_pull", "registry_applications_delete"];

async fn new_version(ams: &RunningAms, name: &str) {
    let path = format!("/1.0/applications/{name}");
    let package = package(&format!("name: {name}\n"));
    let update = upload(Method::PATCH, &path, package);
    ams.succeed(&ams.call(&Caller::Local, update).await).await;
}

async fn id(ams: &RunningAms, name: &str) -> String {
    let shown = ams.get(&format!("/1.0/applications/{name}")).await;
    shown.metadata()["id"].as_str().unwrap().to_owned()
}
