//! The definition for tools, which read it literally: one entry for each path, and everything that AMS accepts
//! in addition.

use serde_json::{Value, json};

use super::definition;

pub(super) fn tool_definition() -> Value {
    let mut document = folded();
    // The path accepts JSON, too, and a request without body.
    document["paths"]["/1.0/applications/{id}"]["patch"]["requestBody"]["required"] = json!(false);
    let schemas = document["components"]["schemas"].clone();
    for operation in operations(&mut document) {
        let body = "/requestBody/content/application~1json/schema";
        if let Some(schema) = operation.pointer_mut(body) {
            *schema = with_nulls(schema, &schemas);
        }
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            // The definition has 0 and 1; AMS also accepts booleans.
            if parameter["schema"]["enum"] == json!([0, 1]) {
                parameter["schema"] = json!({"enum": [0, 1, true, false], "default": 0});
            }
        }
    }
    document
}

/// All operations of a definition.
pub(super) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().unwrap().values_mut();
    paths.flat_map(|methods| methods.as_object_mut().unwrap().values_mut())
}

/// The definition with one entry for each path: responses have the forms with and without `recursion`.
fn folded() -> Value {
    let mut document = definition::parse();
    let paths = document["paths"].as_object_mut().unwrap();
    let forms: Vec<_> = paths
        .keys()
        .filter_map(|path| Some((path.strip_suffix("?recursion=1")?.to_owned(), path.clone())))
        .collect();
    let response = "/get/responses/200/content/application~1json/schema";
    for (path, whole) in forms {
        let whole = paths
            .remove(&whole)
            .unwrap()
            .pointer(response)
            .unwrap()
            .clone();
        let schema = paths[&path].pointer_mut(response).unwrap();
        *schema = json!({"anyOf": [schema.take(), whole]});
    }
    document
}

/// A body whose properties may be null, as Go sends unset fields.
fn with_nulls(schema: &Value, schemas: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return with_nulls(&schemas[name], schemas);
    }
    let mut schema = schema.clone();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|them| them.values_mut()) {
        *property = json!({"anyOf": [with_nulls(property, schemas), {"type": "null"}]});
    }
    if let Some(items) = schema.get_mut("items") {
        *items = with_nulls(items, schemas);
    }
    schema
}
