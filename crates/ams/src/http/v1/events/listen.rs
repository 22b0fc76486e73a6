//! `GET /1.0/events`: the websocket that tells what happens.
//!
//! The subscription stands before the handshake is answered, so a client that is connected when it
//! makes a call misses nothing of what the call sets off. One that does not keep up is
//! disconnected rather than told half of it: it reads the state and connects again.

use std::{sync::Arc, time::Duration};

use ams_api::{Event, EventKind};
use axum::{
    extract::ws::{
        CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
        rejection::WebSocketUpgradeRejection,
    },
    response::Response,
};
use serde::Deserialize;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use crate::{
    events::{Subscription, SubscriptionError},
    http::{auth::Listener, body::Query, error::ApiError},
};

/// How often a quiet connection is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long a peer may take to take a message in.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// What a peer may say: it has nothing to say.
const MAX_INCOMING: usize = 4096;

/// What is to be told.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct Selection {
    /// Kinds of events, separated by commas; empty or `all` for every kind.
    #[serde(default, rename = "type")]
    kinds: String,
}

/// Opens the websocket.
pub(in crate::http) async fn listen(
    listener: Listener,
    Query(selection): Query<Selection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let wanted = selection.read()?;
    let upgrade = upgrade.map_err(|_| {
        ApiError::BadRequest("events are told over a websocket: ask for the upgrade".to_owned())
    })?;
    let events = listener.ams.events().subscribe();
    let told = move |socket| {
        Telling {
            listener,
            wanted,
            events,
            socket,
            answered: true,
        }
        .run()
    };
    Ok(upgrade.max_message_size(MAX_INCOMING).on_upgrade(told))
}

impl Selection {
    fn read(&self) -> Result<Wanted, ApiError> {
        let mut wanted = Wanted::default();
        for kind in self.kinds.split(',').map(str::trim) {
            match kind {
                "" | "all" => {
                    return Ok(Wanted {
                        operations: true,
                        lifecycle: true,
                    });
                }
                "operation" => wanted.operations = true,
                "lifecycle" => wanted.lifecycle = true,
                // Older servers have told of their log; clients go on to ask for it.
                "logging" => {}
                other => {
                    let message =
                        format!("{other:?} is not a type of events (all, operation or lifecycle)");
                    return Err(ApiError::BadRequest(message));
                }
            }
        }
        Ok(wanted)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    operations: bool,
    lifecycle: bool,
}

impl Wanted {
    fn takes(self, event: &Event) -> bool {
        match event.kind {
            EventKind::Operation => self.operations,
            EventKind::Lifecycle => self.lifecycle,
            EventKind::Unknown => false,
        }
    }
}

/// Why a connection ends.
enum End {
    /// The peer has gone, or does not answer.
    Gone,
    /// The server says so, with a code and a reason.
    Close(u16, &'static str),
}

const STOPPING: End = End::Close(close_code::AWAY, "the server stops");
const UNWELCOME: End = End::Close(close_code::POLICY, "no longer authorized");
const TOO_SLOW: End = End::Close(close_code::AGAIN, "events were missed: connect again");

/// One open websocket.
struct Telling {
    listener: Listener,
    wanted: Wanted,
    events: Subscription,
    socket: WebSocket,
    /// Whether the peer has said anything since it was last asked.
    answered: bool,
}

impl Telling {
    async fn run(mut self) {
        let drain = self.listener.drain();
        let mut trust = self.listener.ams.trust().changes();
        let mut ping = pings();
        let end = loop {
            let step = tokio::select! {
                biased;
                () = drain.cancelled() => Err(STOPPING),
                Ok(()) = trust.changed() => self.check_welcome(),
                event = self.events.next() => self.tell(event).await,
                said = self.socket.recv() => self.hear(said.as_ref()),
                _ = ping.tick() => self.ask().await,
            };
            if let Err(end) = step {
                break end;
            }
        };
        if let End::Close(code, reason) = end {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let _ = self.send(Message::Close(Some(frame))).await;
        }
    }

    async fn tell(&mut self, event: Result<Arc<Event>, SubscriptionError>) -> Result<(), End> {
        let event = event.map_err(|ended| match ended {
            SubscriptionError::TooSlow(_) => TOO_SLOW,
            SubscriptionError::Stopped => STOPPING,
        })?;
        if !self.wanted.takes(&event) {
            return Ok(());
        }
        let json = serde_json::to_string(&event).map_err(|_| End::Gone)?;
        self.send(Message::text(json)).await
    }

    fn hear(&mut self, said: Option<&Result<Message, axum::Error>>) -> Result<(), End> {
        self.answered = true;
        match said {
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
            Some(Ok(_)) => Ok(()),
        }
    }

    async fn ask(&mut self) -> Result<(), End> {
        if !std::mem::take(&mut self.answered) {
            return Err(End::Gone);
        }
        self.check_welcome()?;
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    /// Certificates run out, and are removed.
    fn check_welcome(&self) -> Result<(), End> {
        if self.listener.is_still_welcome() {
            Ok(())
        } else {
            Err(UNWELCOME)
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = timeout(SEND_LIMIT, self.socket.send(message)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn pings() -> Interval {
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kinds: &str) -> Option<(bool, bool)> {
        let selection = Selection {
            kinds: kinds.to_owned(),
        };
        let wanted = selection.read().ok()?;
        Some((wanted.operations, wanted.lifecycle))
    }

    #[test]
    fn kinds_are_chosen_by_name() {
        assert_eq!(wanted(""), Some((true, true)));
        assert_eq!(wanted("all"), Some((true, true)));
        assert_eq!(wanted("operation"), Some((true, false)));
        assert_eq!(wanted("lifecycle, operation"), Some((true, true)));
        assert_eq!(wanted("operation,logging"), Some((true, false)));
        assert_eq!(wanted("logging"), Some((false, false)));
        assert_eq!(wanted("weather"), None);
    }
}
