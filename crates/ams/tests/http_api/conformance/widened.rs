//! The definition as tools read it, which take every word of it for the whole truth: with one entry
//! for each path, and with what AMS takes beside what it names.

use serde_json::{Value, json};

use super::definition;

/// The whole of it.
pub(super) fn widened() -> Value {
    let mut document = folded();
    // The path takes a change of attributes as well, and one without a body changes nothing.
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
            // A switch is 0 or 1; some clients write it as the other truth values are written.
            if parameter["schema"]["enum"] == json!([0, 1]) {
                parameter["schema"] = json!({"enum": [0, 1, true, false], "default": 0});
            }
        }
    }
    document
}

/// Every operation of a definition.
pub(super) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().unwrap().values_mut();
    paths.flat_map(|methods| methods.as_object_mut().unwrap().values_mut())
}

/// The definition with one entry for each path: the answer has one of two forms where `recursion`
/// decides.
fn folded() -> Value {
    let mut document = definition::parse();
    let paths = document["paths"].as_object_mut().unwrap();
    let forms: Vec<_> = paths
        .keys()
        .filter_map(|path| Some((path.strip_suffix("?recursion=1")?.to_owned(), path.clone())))
        .collect();
    let answer = "/get/responses/200/content/application~1json/schema";
    for (path, whole) in forms {
        let whole = paths
            .remove(&whole)
            .unwrap()
            .pointer(answer)
            .unwrap()
            .clone();
        let schema = paths[&path].pointer_mut(answer).unwrap();
        *schema = json!({"anyOf": [schema.take(), whole]});
    }
    document
}

/// A body whose properties may be null: so Go writes what is left out.
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
