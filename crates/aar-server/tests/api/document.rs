//! Every response of this suite is compared with the OpenAPI document.

use std::sync::LazyLock;

use aar_http::Method;
use serde_json::{Value, json};

use crate::personas::FullResponse;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&aar_server::openapi_json()).unwrap());

/// Statuses of requests that reach no route.
const WITHOUT_ROUTE: [u16; 2] = [404, 405];

/// Panics unless the document describes the response.
pub(crate) fn check(method: &Method, path: &str, response: &FullResponse) {
    let at = format!("{method} {path}: {}: {}", response.status, response.text());
    let path = path.split('?').next().unwrap();
    let operation = operation(method, path);
    let described = operation.map(|operation| &operation["responses"][response.status.to_string()]);
    let schema = match described {
        Some(described) if described.is_object() => schema(described, response),
        _ if WITHOUT_ROUTE.contains(&response.status) => Some(json!({
            "$ref": "#/components/schemas/ErrorBody"
        })),
        _ => panic!("not in the document: {at}"),
    };
    // A response to HEAD has no body, whatever the document says.
    match schema {
        Some(schema) if *method != Method::HEAD => validate(schema, &response.json(), &at),
        _ => {}
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, operations) = paths.iter().find(|(template, _)| matches(template, path))?;
    operations.get(method.as_str().to_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    let (mut names, mut parts) = (template.split('/'), path.split('/'));
    loop {
        match (names.next(), parts.next()) {
            (None, None) => return true,
            (Some(name), Some(part)) if name == part || name.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// The schema of the body, if the body is JSON.
fn schema(described: &Value, response: &FullResponse) -> Option<Value> {
    let content_type = response.header("content-type");
    let content = described["content"].get(&content_type);
    let is_json = content_type == "application/json";
    is_json.then(|| content.expect("a body that the document does not have")["schema"].clone())
}

fn validate(mut schema: Value, body: &Value, at: &str) {
    schema["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(body)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{at}: {errors:?}");
}

#[test]
fn document_lists_exactly_the_error_codes_of_the_wire() {
    let listed = DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"]
        .as_array()
        .unwrap();
    let codes = aar_types::ErrorCode::ALL.iter();
    let sent: Vec<_> = codes
        .map(|code| serde_json::to_value(code).unwrap())
        .collect();
    assert_eq!(*listed, sent);
}

#[test]
fn empty_list_has_exactly_one_meaning() {
    let response = &DOCUMENT["paths"]["/1.0/applications"]["get"]["responses"]["200"];
    let schema = response["content"]["application/json"]["schema"].clone();
    let list = |metadata| {
        json!({
            "type": "sync", "status": "Success", "status_code": 200, "operation": "", "metadata": metadata
        })
    };
    for metadata in [json!([]), json!(["/1.0/applications/a"])] {
        validate(schema.clone(), &list(metadata), "list");
    }
}
