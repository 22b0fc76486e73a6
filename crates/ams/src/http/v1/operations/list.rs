//! `GET /1.0/operations`: the operations that are known at present.
//!
//! The published definition has a list here. The public Go SDK was made for servers that answer
//! operations by their status and reads nothing else, so that is what it gets. It sends no name of
//! its own; it is known by that of its HTTP library.

use std::collections::BTreeMap;

use ams_api::Operation;
use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use crate::http::{
    auth::Trusted,
    body::Query,
    envelope::{Done, Page},
    error::ApiError,
    listing::Listing,
};

const GO: &str = "Go-http-client/";

/// Lists them.
pub(in crate::http) async fn list(
    caller: Trusted,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let operations = caller.ams.operations().list();
    if listing.recursion && is_go_sdk(&headers) {
        let part = listing.part(operations)?;
        return Ok(Done(by_status(part)).into_response());
    }
    let page: Page<Value> = listing.page(operations, |it| Operation::url(it.id))?;
    Ok(page.into_response())
}

fn is_go_sdk(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT);
    agent.is_some_and(|agent| agent.as_bytes().starts_with(GO.as_bytes()))
}

fn by_status(operations: Vec<Operation>) -> BTreeMap<String, Vec<Operation>> {
    let mut grouped: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for operation in operations {
        let status = operation.status.to_lowercase();
        grouped.entry(status).or_default().push(operation);
    }
    grouped
}
