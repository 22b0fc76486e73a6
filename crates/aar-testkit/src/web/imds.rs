//! The service that gives a virtual machine its credentials, version 2 of its protocol.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_types::Clock;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    Seen,
    serve::{Answer, Handler, Serving, say},
};
use crate::Credentials;

const TOKEN: &str = "AQAEtoken==";
const ROLE: &str = "registry-role";
const ROLES: &str = "/latest/meta-data/iam/security-credentials";

/// A service for instance metadata.
#[derive(Debug)]
pub struct Imds {
    serving: Serving,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    current: Mutex<(Credentials, Timestamp)>,
    handed_out: AtomicUsize,
    refused: AtomicUsize,
}

impl Imds {
    /// Starts one that hands out a key, which it says is good for so long.
    pub fn start(key: &Credentials, life: Duration) -> Self {
        let state = Arc::new(State {
            current: Mutex::new((key.clone(), ends(life))),
            handed_out: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        Self {
            serving: Serving::plain(answering(Arc::clone(&state))),
            state,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address())
    }

    /// Hands out another key from now on.
    pub fn hand_out(&self, key: &Credentials, life: Duration) {
        *self.state.current() = (key.clone(), ends(life));
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

fn answering(state: Arc<State>) -> Handler {
    Arc::new(move |_, seen| {
        let answer = state.answer(&seen);
        Box::pin(async { answer })
    })
}

impl State {
    fn current(&self) -> MutexGuard<'_, (Credentials, Timestamp)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, seen: &Seen) -> Answer {
        let header = |name: &str| seen.headers.get(name).map(String::as_str);
        if seen.path == "/latest/api/token" {
            let seconds = header("x-aws-ec2-metadata-token-ttl-seconds");
            let good = seen.method == Method::PUT.as_str()
                && seconds.is_some_and(|text| matches!(text.parse(), Ok(1..=21_600_u32)));
            return if good { say(200, TOKEN) } else { say(400, "") };
        }
        if header("x-aws-ec2-metadata-token") != Some(TOKEN) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return say(401, "");
        }
        match seen.path.strip_prefix(ROLES) {
            Some("" | "/") => say(200, ROLE),
            Some(role) if role == format!("/{ROLE}") => self.credentials(),
            _ => say(404, ""),
        }
    }

    fn credentials(&self) -> Answer {
        self.handed_out.fetch_add(1, Ordering::SeqCst);
        let (key, ends) = self.current().clone();
        let document = json!({
            "Code": "Success",
            "LastUpdated": whole_seconds(Clock::system().now()),
            "Type": "AWS-HMAC",
            "AccessKeyId": key.access_key,
            "SecretAccessKey": key.secret_key,
            "Token": format!("token-of-{}", key.access_key),
            "Expiration": whole_seconds(ends),
        });
        say(200, document.to_string())
    }
}

fn whole_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
