use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use crate::running_ams::FullResponse;

const DEFINITION: &str = include_str!("ams-api.yaml");

/// Properties of the definition that AMS may leave out, with the meaning of their absence.
const OPTIONAL: &[(&str, &str)] = &[
    // Sent only on request.
    ("Application", "entitlements"),
    // Android decides; no value expresses that.
    ("ApplicationExtraData", "owner"),
    // Android decides; no value expresses that.
    ("ApplicationExtraData", "permissions"),
    // As many as the instance type has: a number would override it.
    ("ApplicationResources", "cpus"),
    // As much as the instance type has; no value expresses that.
    ("ApplicationResources", "disk-size"),
    // As many as the instance type has: 0 takes them away.
    ("ApplicationResources", "gpu-slots"),
    // Any vendor; the definition lists no name for that.
    ("ApplicationResources", "gpu-type"),
    // As much as the instance type has; no value expresses that.
    ("ApplicationResources", "memory"),
    // The disk space is reserved; with all others absent, nothing is overridden and the object empty.
    ("ApplicationResources", "no_disk_reserve"),
    // As many as the instance type has: 0 takes them away.
    ("ApplicationResources", "vpu-slots"),
    // One port: the definition says "if empty", and 0 is a number.
    ("NetworkServiceSpec", "port_end"),
    // A trusted caller may do everything.
    ("ServiceStatus", "auth_permissions"),
];

/// The keys of the envelope, which clients read without checking for them.
const ENVELOPE: &[&str] = &[
    "error",
    "error_code",
    "metadata",
    "operation",
    "status",
    "status_code",
    "type",
];

pub(super) struct Definition {
    document: Value,
    operations: BTreeMap<String, Operation>,
}

/// An operation of the definition.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// The path, with its parameters in braces.
    pub(super) path: String,
    responses: Map<String, Value>,
}

impl Definition {
    pub(super) fn load() -> Self {
        let document = strict(parse());
        let operations = document["paths"].as_object().unwrap().iter();
        let operations = operations.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(|(method, operation)| {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                let operation = Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    responses: operation["responses"].as_object().unwrap().clone(),
                };
                (name, operation)
            })
        });
        Self {
            operations: operations.collect(),
            document,
        }
    }

    /// The names of all operations.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    pub(super) fn operation(&self, name: &str) -> &Operation {
        let found = self.operations.get(name);
        found.unwrap_or_else(|| panic!("the definition has no operation {name}"))
    }

    /// Checks that the definition allows a response.
    pub(super) fn check(&self, name: &str, response: &FullResponse) {
        let declared = self.response(name, response.status.as_u16());
        let call = format!("{name}: {response:?}");
        let headers = declared.get("headers").and_then(Value::as_object);
        for header in headers.into_iter().flat_map(Map::keys) {
            assert!(response.headers.contains_key(header), "no {header}: {call}");
        }
        let content = declared["content"].as_object().unwrap();
        let (kind, content) = content.iter().next().unwrap();
        assert_eq!(response.header("content-type"), kind, "{call}");
        if kind == "application/json" {
            check_envelope(&response.json(), &call);
            self.validate(&content["schema"], &response.json(), &call);
        }
    }

    /// Checks a body against a schema of the definition.
    pub(super) fn check_body(&self, schema: &str, body: &Value) {
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        self.validate(&schema, body, &body.to_string());
    }

    fn response(&self, name: &str, status: u16) -> Value {
        let responses = &self.operation(name).responses;
        let named = responses.get(&status.to_string());
        // All errors have one form, whether or not their status is listed.
        let other = || responses.get("default").filter(|_| status >= 400);
        let response = named.or_else(other);
        let response = response.unwrap_or_else(|| panic!("{name} does not response {status}"));
        match response.get("$ref").and_then(Value::as_str) {
            Some(there) => self.document.pointer(&there[1..]).unwrap().clone(),
            None => response.clone(),
        }
    }

    fn validate(&self, schema: &Value, body: &Value, what: &str) {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.document["components"],
            "allOf": [schema],
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        let errors = validator.iter_errors(body);
        let errors: Vec<_> = errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{what}");
    }
}

/// Configuration items that the definition does not have: see the differences in the documentation.
const OWN_ITEMS: &[&str] = &["registry.insecure_redirects"];

/// The definition in the file.
pub(super) fn parse() -> Value {
    serde_saphyr::from_str(DEFINITION).unwrap()
}

fn check_envelope(body: &Value, what: &str) {
    let keys = body.as_object().unwrap().keys();
    let more = ["token", "total_size"];
    let keys: Vec<_> = keys.filter(|key| !more.contains(&key.as_str())).collect();
    assert_eq!(keys, ENVELOPE, "{what}");
}

/// The definition, with all properties required and others forbidden.
fn strict(mut document: Value) -> Value {
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for (of, property) in OPTIONAL {
        let named = schemas[*of]["properties"].get(property).is_some();
        assert!(
            named,
            "{of}.{property} is optional and not in the definition"
        );
    }
    for (name, schema) in schemas {
        // Only schemas of resources: the envelope is checked separately.
        if !name.ends_with("Response") || name == "VersionResponse" {
            tighten(name, schema);
        }
    }
    let config = "/paths/~11.0~1config/get/responses/200/content/application~1json/schema\
                  /properties/metadata/properties/config";
    let config = document.pointer_mut(config).unwrap();
    for own in OWN_ITEMS {
        config["properties"][own] = json!({"type": "boolean"});
    }
    tighten("", config);
    document
}

fn tighten(name: &str, schema: &mut Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required: Vec<_> = properties
        .keys()
        .filter(|property| !OPTIONAL.contains(&(name, property.as_str())))
        .cloned()
        .collect();
    schema["required"] = json!(required);
    // This body is merged with the envelope.
    schema["additionalProperties"] = json!(name == "EventAuth");
}
