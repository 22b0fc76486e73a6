//! `GET /1.0/events`: a websocket that sends events.
//!
//! The subscription begins before the handshake is answered, so a connected client receives all events of
//! its calls. A client that falls behind is disconnected, because it would miss events: it reads the state
//! and connects again.

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
    http::{auth::EventSubscriber, body::Query, error::ApiError},
};

/// The interval of pings, which detect clients that have gone.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// The longest time until a client accepts a message.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// The largest message of a client, in bytes. Clients have nothing to send.
const MAX_INCOMING: usize = 4096;

#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct EventQuery {
    /// Kinds of events, separated by commas; empty or `all` for every kind.
    #[serde(default, rename = "type")]
    kinds: String,
}

pub(in crate::http) async fn listen(
    subscriber: EventSubscriber,
    Query(query): Query<EventQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let filter = query.filter()?;
    let upgrade = upgrade.map_err(|_| {
        ApiError::BadRequest("events are sent over a websocket: request the upgrade".to_owned())
    })?;
    let events = subscriber.ams.events().subscribe();
    let stream = move |socket| {
        EventStream {
            subscriber,
            filter,
            events,
            socket,
            has_answered: true,
        }
        .run()
    };
    Ok(upgrade.max_message_size(MAX_INCOMING).on_upgrade(stream))
}

impl EventQuery {
    fn filter(&self) -> Result<EventFilter, ApiError> {
        let mut filter = EventFilter::default();
        for kind in self.kinds.split(',').map(str::trim) {
            match kind {
                "" | "all" => {
                    return Ok(EventFilter {
                        operations: true,
                        lifecycle: true,
                    });
                }
                "operation" => filter.operations = true,
                "lifecycle" => filter.lifecycle = true,
                // Older servers sent log entries; clients still request them.
                "logging" => {}
                other => {
                    let message =
                        format!("{other:?} is not a type of events (all, operation or lifecycle)");
                    return Err(ApiError::BadRequest(message));
                }
            }
        }
        Ok(filter)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct EventFilter {
    operations: bool,
    lifecycle: bool,
}

impl EventFilter {
    fn matches(self, event: &Event) -> bool {
        match event.kind {
            EventKind::Operation => self.operations,
            EventKind::Lifecycle => self.lifecycle,
            EventKind::Unknown => false,
        }
    }
}

/// Why a websocket is closed.
enum CloseReason {
    /// The client has gone or does not answer.
    Gone,
    /// The server closes it, with a code and a text.
    Server(u16, &'static str),
}

const STOPPING: CloseReason = CloseReason::Server(close_code::AWAY, "the server stops");
const UNAUTHORISED: CloseReason = CloseReason::Server(close_code::POLICY, "no longer authorized");
const TOO_SLOW: CloseReason =
    CloseReason::Server(close_code::AGAIN, "events were missed: connect again");

/// An open websocket.
struct EventStream {
    subscriber: EventSubscriber,
    filter: EventFilter,
    events: Subscription,
    socket: WebSocket,
    /// Whether the client has sent anything since the last ping.
    has_answered: bool,
}

impl EventStream {
    async fn run(mut self) {
        let drain = self.subscriber.drain();
        let mut trust = self.subscriber.ams.trust().changes();
        let mut ping = ping_interval();
        let reason = loop {
            let step = tokio::select! {
                biased;
                () = drain.cancelled() => Err(STOPPING),
                Ok(()) = trust.changed() => self.check_authorised(),
                event = self.events.next() => self.send_event(event).await,
                received = self.socket.recv() => self.receive(received.as_ref()),
                _ = ping.tick() => self.ping().await,
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        if let CloseReason::Server(code, reason) = reason {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let _ = self.send(Message::Close(Some(frame))).await;
        }
    }

    async fn send_event(
        &mut self,
        event: Result<Arc<Event>, SubscriptionError>,
    ) -> Result<(), CloseReason> {
        let event = event.map_err(|ended| match ended {
            SubscriptionError::TooSlow(_) => TOO_SLOW,
            SubscriptionError::Stopped => STOPPING,
        })?;
        if !self.filter.matches(&event) {
            return Ok(());
        }
        let json = serde_json::to_string(&event).map_err(|_| CloseReason::Gone)?;
        self.send(Message::text(json)).await
    }

    fn receive(
        &mut self,
        received: Option<&Result<Message, axum::Error>>,
    ) -> Result<(), CloseReason> {
        self.has_answered = true;
        match received {
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(CloseReason::Gone),
            Some(Ok(_)) => Ok(()),
        }
    }

    async fn ping(&mut self) -> Result<(), CloseReason> {
        if !std::mem::take(&mut self.has_answered) {
            return Err(CloseReason::Gone);
        }
        self.check_authorised()?;
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    /// A certificate may expire or be removed while the websocket is open.
    fn check_authorised(&self) -> Result<(), CloseReason> {
        if self.subscriber.is_authorised() {
            Ok(())
        } else {
            Err(UNAUTHORISED)
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        let sent = timeout(SEND_LIMIT, self.socket.send(message)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(CloseReason::Gone),
        }
    }
}

fn ping_interval() -> Interval {
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(kinds: &str) -> Option<(bool, bool)> {
        let query = EventQuery {
            kinds: kinds.to_owned(),
        };
        let filter = query.filter().ok()?;
        Some((filter.operations, filter.lifecycle))
    }

    #[test]
    fn kinds_are_selected_by_name() {
        assert_eq!(filter(""), Some((true, true)));
        assert_eq!(filter("all"), Some((true, true)));
        assert_eq!(filter("operation"), Some((true, false)));
        assert_eq!(filter("lifecycle, operation"), Some((true, true)));
        assert_eq!(filter("operation,logging"), Some((true, false)));
        assert_eq!(filter("logging"), Some((false, false)));
        assert_eq!(filter("weather"), None);
    }
}
