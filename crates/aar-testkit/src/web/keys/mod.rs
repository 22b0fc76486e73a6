//! Services that give a program the keys of its role: that of a virtual machine (version 2 of its
//! protocol), of a container, and the token service for web identities.

mod container;
mod instance;
mod tokens;

use std::{
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
    Seen,
    serve::{Answer, Handler, Serving, say},
};
use crate::Credentials;

pub use container::CONTAINER_TOKEN;
pub use tokens::WEB_TOKEN;

/// A service that hands out the keys of a role.
#[derive(Debug)]
pub struct KeyServer {
    serving: Serving,
    state: Arc<State>,
}

/// How it is spoken to: gives the answer to a request and its body.
type Protocol = fn(&State, &Seen, &str) -> Answer;

#[derive(Debug)]
struct State {
    /// What it hands out; nothing where there is no role.
    current: Mutex<Option<(Credentials, Timestamp)>>,
    held: watch::Sender<bool>,
    asked: AtomicUsize,
    handed_out: AtomicUsize,
    refused: AtomicUsize,
}

impl KeyServer {
    /// The metadata service of an instance, whose keys are good for so long.
    pub fn instance(key: &Credentials, life: Duration) -> Self {
        Self::start(instance::answer, key, life)
    }

    /// The endpoint of a container, which wants to see [`CONTAINER_TOKEN`].
    pub fn container(key: &Credentials, life: Duration) -> Self {
        Self::start(container::answer, key, life)
    }

    /// The token service, which takes [`WEB_TOKEN`] for an identity.
    pub fn tokens(key: &Credentials, life: Duration) -> Self {
        Self::start(tokens::answer, key, life)
    }

    fn start(protocol: Protocol, key: &Credentials, life: Duration) -> Self {
        let state = Arc::new(State {
            current: Mutex::new(Some((key.clone(), ends(life)))),
            held: watch::Sender::new(false),
            asked: AtomicUsize::new(0),
            handed_out: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        Self {
            serving: Serving::plain(answering(protocol, Arc::clone(&state))),
            state,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address())
    }

    /// Hands out another key from now on.
    pub fn hand_out(&self, key: &Credentials, life: Duration) {
        *self.state.current() = Some((key.clone(), ends(life)));
    }

    /// There is no role any more.
    pub fn take_away(&self) {
        *self.state.current() = None;
    }

    /// Answers nothing until it is released.
    pub fn hold(&self) {
        self.state.held.send_replace(true);
    }

    /// Answers what it was asked meanwhile, and goes on.
    pub fn release(&self) {
        self.state.held.send_replace(false);
    }

    /// How many requests have come.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// How often credentials were handed out.
    pub fn handed_out(&self) -> usize {
        self.state.handed_out.load(Ordering::SeqCst)
    }

    /// How often somebody came without a token.
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }
}

fn ends(life: Duration) -> Timestamp {
    Clock::system().now() + SignedDuration::try_from(life).unwrap()
}

fn answering(protocol: Protocol, state: Arc<State>) -> Handler {
    Arc::new(move |request, seen| {
        let state = Arc::clone(&state);
        Box::pin(async move {
            state.asked.fetch_add(1, Ordering::SeqCst);
            let body = request.collect().await.map_err(std::io::Error::other)?;
            let mut held = state.held.subscribe();
            let released = held.wait_for(|held| !held).await;
            drop(released.map_err(std::io::Error::other)?);
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            protocol(&state, &seen, &body)
        })
    })
}

impl State {
    fn current(&self) -> MutexGuard<'_, Option<(Credentials, Timestamp)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has shown no token.
    fn refuse(&self, status: u16) -> Answer {
        self.refused.fetch_add(1, Ordering::SeqCst);
        say(status, "")
    }

    /// The key of the moment and its end.
    fn give(&self) -> Option<(Credentials, String)> {
        let (key, ends) = self.current().clone()?;
        self.handed_out.fetch_add(1, Ordering::SeqCst);
        Some((key, whole_seconds(ends)))
    }

    /// The key as instances and containers are given it.
    fn document(&self) -> Answer {
        let Some((key, ends)) = self.give() else {
            return say(404, "");
        };
        let document = json!({
            "Code": "Success",
            "LastUpdated": whole_seconds(Clock::system().now()),
            "Type": "AWS-HMAC",
            "AccessKeyId": key.access_key,
            "SecretAccessKey": key.secret_key,
            "Token": format!("token-of-{}", key.access_key),
            "Expiration": ends,
        });
        say(200, document.to_string())
    }
}

fn whole_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
