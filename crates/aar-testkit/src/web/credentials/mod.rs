//! Services that issue credentials for a role: the metadata service of an instance (version 2), the
//! endpoint of a container, and the security token service for web identities.

mod container;
mod instance;
mod web_identity;

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aar_types::Clock;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::watch;

use super::{
    RecordedRequest,
    server::{Handler, HttpResult, HttpServer, respond},
};
use crate::Credentials;

pub use container::CONTAINER_TOKEN;
pub use web_identity::WEB_IDENTITY_TOKEN;

/// A service that issues credentials for a role.
#[derive(Debug)]
pub struct CredentialServer {
    server: HttpServer,
    role: Arc<Role>,
}

/// Responds to a request with this body.
type Protocol = fn(&Role, &RecordedRequest, &str) -> HttpResult;

#[derive(Debug)]
struct Role {
    /// The credentials with their expiration; `None` if there is no role.
    current: Mutex<Option<(Credentials, Timestamp)>>,
    is_held: watch::Sender<bool>,
    requests: AtomicUsize,
    issued: AtomicUsize,
    rejected: AtomicUsize,
}

impl CredentialServer {
    /// The metadata service of an instance.
    pub fn instance(key: &Credentials, ttl: Duration) -> Self {
        Self::start(instance::respond_to, key, ttl)
    }

    /// The endpoint of a container, which requires [`CONTAINER_TOKEN`].
    pub fn container(key: &Credentials, ttl: Duration) -> Self {
        Self::start(container::respond_to, key, ttl)
    }

    /// The security token service, which requires [`WEB_IDENTITY_TOKEN`].
    pub fn web_identity(key: &Credentials, ttl: Duration) -> Self {
        Self::start(web_identity::respond_to, key, ttl)
    }

    fn start(protocol: Protocol, key: &Credentials, ttl: Duration) -> Self {
        let role = Arc::new(Role {
            current: Mutex::new(Some((key.clone(), expiration(ttl)))),
            is_held: watch::Sender::new(false),
            requests: AtomicUsize::new(0),
            issued: AtomicUsize::new(0),
            rejected: AtomicUsize::new(0),
        });
        Self {
            server: HttpServer::start(handler(protocol, Arc::clone(&role))),
            role,
        }
    }

    /// The URL of the service.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Issues another key from now on.
    pub fn rotate(&self, key: &Credentials, ttl: Duration) {
        *self.role.current() = Some((key.clone(), expiration(ttl)));
    }

    /// Removes the role: no credentials are issued any more.
    pub fn remove_role(&self) {
        *self.role.current() = None;
    }

    /// Holds every request until `release`.
    pub fn hold(&self) {
        self.role.is_held.send_replace(true);
    }

    /// Responds to the requests that were held, and to new ones.
    pub fn release(&self) {
        self.role.is_held.send_replace(false);
    }

    pub fn request_count(&self) -> usize {
        self.role.requests.load(Ordering::SeqCst)
    }

    /// The number of issued credentials.
    pub fn issued_count(&self) -> usize {
        self.role.issued.load(Ordering::SeqCst)
    }

    /// The number of requests without a valid token.
    pub fn rejected_count(&self) -> usize {
        self.role.rejected.load(Ordering::SeqCst)
    }
}

fn expiration(ttl: Duration) -> Timestamp {
    Clock::system().now() + SignedDuration::try_from(ttl).unwrap()
}

fn handler(protocol: Protocol, role: Arc<Role>) -> Handler {
    Arc::new(move |request, recorded| {
        let role = Arc::clone(&role);
        Box::pin(async move {
            role.requests.fetch_add(1, Ordering::SeqCst);
            let body = request.collect().await.map_err(io::Error::other)?;
            let mut is_held = role.is_held.subscribe();
            let released = is_held.wait_for(|is_held| !is_held).await;
            drop(released.map_err(io::Error::other)?);
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            protocol(&role, &recorded, &body)
        })
    })
}

impl Role {
    fn current(&self) -> MutexGuard<'_, Option<(Credentials, Timestamp)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rejects a request without a valid token.
    fn reject(&self, status: u16) -> HttpResult {
        self.rejected.fetch_add(1, Ordering::SeqCst);
        respond(status, "")
    }

    /// The current key and its expiration.
    fn issue(&self) -> Option<(Credentials, String)> {
        let (key, expiration) = self.current().clone()?;
        self.issued.fetch_add(1, Ordering::SeqCst);
        Some((key, whole_seconds(expiration)))
    }

    /// The current key in the form for instances and containers.
    fn respond_with_document(&self) -> HttpResult {
        let Some((key, expiration)) = self.issue() else {
            return respond(404, "");
        };
        let document = json!({
            "Code": "Success",
            "LastUpdated": whole_seconds(Clock::system().now()),
            "Type": "AWS-HMAC",
            "AccessKeyId": key.access_key,
            "SecretAccessKey": key.secret_key,
            "Token": format!("token-of-{}", key.access_key),
            "Expiration": expiration,
        });
        respond(200, document.to_string())
    }
}

fn whole_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
