use std::{cell::RefCell, collections::BTreeSet};

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::Value;

use super::definition::Definition;
use crate::running::{Answer, Door, Running, request, sha256};

/// Calls operations of the definition by their names, and holds every answer against it.
pub(super) struct Calls<'a> {
    pub(super) ams: &'a Running,
    pub(super) definition: Definition,
    exercised: RefCell<BTreeSet<String>>,
}

/// What goes with a call.
pub(super) enum With<'a> {
    Nothing,
    Json(Value),
    Package(&'a [u8]),
}

impl<'a> Calls<'a> {
    pub(super) fn of(ams: &'a Running) -> Self {
        Self {
            ams,
            definition: Definition::load(),
            exercised: RefCell::default(),
        }
    }

    /// Calls an operation that has to be done or begun. `arguments` are put in the place of the
    /// parameters of the path, in their order, and at its end: `["game", "?limit=1"]`.
    pub(super) async fn good(&self, name: &str, arguments: &[&str], with: With<'_>) -> Answer {
        let answer = self.call(&Door::Local, name, arguments, with).await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
        self.mark(name);
        answer
    }

    /// The same, for an operation that goes on in the background: waits for its good end.
    pub(super) async fn done(&self, name: &str, arguments: &[&str], with: With<'_>) -> Answer {
        let answer = self.good(name, arguments, with).await;
        self.ams.succeed(&answer).await;
        answer
    }

    /// Calls an operation that has to be refused.
    pub(super) async fn bad(
        &self,
        door: &Door,
        name: &str,
        arguments: &[&str],
        with: With<'_>,
        status: StatusCode,
    ) {
        let answer = self.call(door, name, arguments, with).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }

    /// Remembers that an operation was called as it is meant to be.
    pub(super) fn mark(&self, name: &str) {
        self.definition.operation(name);
        self.exercised.borrow_mut().insert(name.to_owned());
    }

    /// The operations that have not been called.
    pub(super) fn left(&self) -> Vec<&str> {
        let exercised = self.exercised.borrow();
        let names = self.definition.names();
        names.filter(|name| !exercised.contains(*name)).collect()
    }

    async fn call(&self, door: &Door, name: &str, arguments: &[&str], with: With<'_>) -> Answer {
        let request = self.request(name, arguments, with);
        let answer = self.ams.call(door, request).await;
        self.definition.check(name, &answer);
        answer
    }

    fn request(&self, name: &str, arguments: &[&str], with: With<'_>) -> Request<Body> {
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
        match with {
            With::Nothing => request(method, &path, Body::empty()),
            With::Json(body) => request(method, &path, Body::from(body.to_string())),
            With::Package(package) => {
                let mut upload = request(method, &path, Body::from(package.to_vec()));
                let headers = upload.headers_mut();
                headers.insert("content-type", "application/octet-stream".parse().unwrap());
                headers.insert("x-ams-fingerprint", sha256(package).parse().unwrap());
                upload
            }
        }
    }
}
