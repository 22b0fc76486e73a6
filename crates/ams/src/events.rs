//! Events: changes of operations and resources, sent to all subscribers.
//!
//! A subscriber receives every event since it subscribed. One that falls behind by the whole buffer
//! gets an error and has to subscribe again: no event is dropped silently.

use std::sync::Arc;

use aar_types::Clock;
use ams_api::{Event, EventKind, LifecycleEvent, Operation};
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

/// How many events a subscriber may fall behind.
const BUFFER: usize = 16 * 1024;

/// Sends events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    sender: broadcast::Sender<Arc<Event>>,
    clock: Clock,
}

impl Events {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            sender: broadcast::Sender::new(BUFFER),
            clock,
        }
    }

    /// Receives events from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.sender.subscribe())
    }

    pub(crate) fn operation(&self, operation: &Operation) {
        self.send(EventKind::Operation, operation);
    }

    pub(crate) fn lifecycle(&self, action: &str, source: String) {
        tracing::info!(source, "{action}");
        let action = action.to_owned();
        self.send(EventKind::Lifecycle, &LifecycleEvent { action, source });
    }

    fn send(&self, kind: EventKind, metadata: &impl Serialize) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let event = Event {
            kind,
            timestamp: self.clock.now(),
            metadata: serde_json::to_value(metadata).unwrap_or_default(),
        };
        // The last subscriber may have left since.
        let _ = self.sender.send(Arc::new(event));
    }
}

#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Event>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// The subscriber fell behind and missed this many events.
    #[error("the client reads events too slowly: {0} events were missed")]
    TooSlow(u64),
    /// AMS is stopping.
    #[error("AMS is stopping")]
    Stopped,
}

impl Subscription {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Result<Arc<Event>, SubscriptionError> {
        self.0.recv().await.map_err(|error| match error {
            RecvError::Lagged(missed) => SubscriptionError::TooSlow(missed),
            RecvError::Closed => SubscriptionError::Stopped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn subscriber_receives_all_events_since_it_subscribed_in_order() {
        let events = Events::new(Clock::system());
        events.lifecycle("before", String::new());
        let mut subscriber = events.subscribe();
        for number in 0..1000 {
            events.lifecycle("tick", number.to_string());
        }
        for number in 0..1000 {
            let event = subscriber.next().await.unwrap();
            assert_eq!(event.metadata["source"], number.to_string());
        }
    }

    #[tokio::test]
    async fn subscriber_that_falls_behind_gets_an_error() {
        let events = Events::new(Clock::system());
        let mut subscriber = events.subscribe();
        for _ in 0..=BUFFER {
            events.lifecycle("tick", String::new());
        }
        assert_eq!(subscriber.next().await, Err(SubscriptionError::TooSlow(1)));
    }
}
