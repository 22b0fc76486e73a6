use std::{cell::RefCell, collections::BTreeSet};

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::Value;

use super::definition::Definition;
use crate::running_ams::{Caller, FullResponse, RunningAms, request, sha256};

/// Calls operations of the definition by name and validates every response.
pub(super) struct DefinitionCalls<'a> {
    pub(super) ams: &'a RunningAms,
    pub(super) definition: Definition,
    exercised: RefCell<BTreeSet<String>>,
}

/// The body of a call.
pub(super) enum CallBody<'a> {
    Nothing,
    Json(Value),
    Package(&'a [u8]),
}

impl<'a> DefinitionCalls<'a> {
    pub(super) fn new(ams: &'a RunningAms) -> Self {
        Self {
            ams,
            definition: Definition::load(),
            exercised: RefCell::default(),
        }
    }

    /// Calls an operation, which must succeed or start. `arguments` replace the parameters of the path in
    /// order; further ones are appended: `["game", "?limit=1"]`.
    pub(super) async fn succeed(
        &self,
        name: &str,
        arguments: &[&str],
        body: CallBody<'_>,
    ) -> FullResponse {
        let response = self.call(&Caller::Local, name, arguments, body).await;
        assert!(response.status.is_success(), "{name}: {response:?}");
        self.mark(name);
        response
    }

    /// Calls an operation that runs in the background, and waits until it has succeeded.
    pub(super) async fn complete(
        &self,
        name: &str,
        arguments: &[&str],
        body: CallBody<'_>,
    ) -> FullResponse {
        let response = self.succeed(name, arguments, body).await;
        self.ams.succeed(&response).await;
        response
    }

    /// Calls an operation, which must be refused.
    pub(super) async fn refuse(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &[&str],
        body: CallBody<'_>,
        status: StatusCode,
    ) {
        let response = self.call(caller, name, arguments, body).await;
        assert_eq!(response.status, status, "{name}: {response:?}");
    }

    /// Records that an operation was called successfully.
    pub(super) fn mark(&self, name: &str) {
        self.definition.operation(name);
        self.exercised.borrow_mut().insert(name.to_owned());
    }

    /// The operations that were not called.
    pub(super) fn not_called(&self) -> Vec<&str> {
        let exercised = self.exercised.borrow();
        let names = self.definition.names();
        names.filter(|name| !exercised.contains(*name)).collect()
    }

    async fn call(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &[&str],
        body: CallBody<'_>,
    ) -> FullResponse {
        let request = self.request(name, arguments, body);
        let response = self.ams.call(caller, request).await;
        self.definition.check(name, &response);
        response
    }

    fn request(&self, name: &str, arguments: &[&str], body: CallBody<'_>) -> Request<Body> {
        let operation = self.definition.operation(name);
        let mut path = operation.path.clone();
        for argument in arguments {
            path = match (path.find('{'), path.find('}')) {
                (Some(from), Some(to)) => format!("{}{argument}{}", &path[..from], &path[to + 1..]),
                _ => path + argument,
            };
        }
        assert!(!path.contains('{'), "{name}: {path}");
        let method = operation.method.clone();
        match body {
            CallBody::Nothing => request(method, &path, Body::empty()),
            CallBody::Json(json) => request(method, &path, Body::from(json.to_string())),
            CallBody::Package(package) => {
                let mut upload = request(method, &path, Body::from(package.to_vec()));
                let headers = upload.headers_mut();
                headers.insert("content-type", "application/octet-stream".parse().unwrap());
                headers.insert("x-ams-fingerprint", sha256(package).parse().unwrap());
                upload
            }
        }
    }
}
