//! `GET /1.0/operations`: lists the current operations.
//!
//! The published API definition has a list here. The public Go SDK reads only operations grouped by their
//! status, as older servers sent them, so it gets those. It is recognised by the `User-Agent` of its HTTP
//! library, because it sends no other.

use std::collections::BTreeMap;

use ams_api::Operation;
use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use crate::http::{
    auth::TrustedCaller,
    body::Query,
    envelope::{Page, Success},
    error::ApiError,
    page_query::PageQuery,
};

const GO: &str = "Go-http-client/";

pub(in crate::http) async fn list(
    caller: TrustedCaller,
    Query(page): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let operations = caller.ams.operations().list();
    if page.recursion && is_go_sdk(&headers) {
        let part = page.part(operations)?;
        return Ok(Success(by_status(part)).into_response());
    }
    let page: Page<Value> = page.select(operations, |operation| Operation::url(operation.id))?;
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
