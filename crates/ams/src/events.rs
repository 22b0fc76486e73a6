//! What happens in AMS, told to everybody who listens.
//!
//! A listener hears everything from the moment it subscribed. One that is slower than what happens
//! for long enough to fall behind by the whole buffer is told so and has to start again: nothing is
//! left out silently.

use std::sync::Arc;

use aar_types::Clock;
use ams_api::{Event, EventKind, LifecycleEvent, Operation};
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

/// How far a listener may fall behind.
const BUFFER: usize = 16 * 1024;

/// The source of events. Cheap to clone.
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

    /// Listens from now on.
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
        // The last listener may have left in between.
        let _ = self.sender.send(Arc::new(event));
    }
}

/// A listener.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Event>>);

/// Why there are no more events for a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The listener fell behind and would have missed events.
    #[error("the listener was too slow: {0} events were missed")]
    TooSlow(u64),
    /// AMS stops.
    #[error("AMS is stopping")]
    Stopped,
}

impl Subscription {
    /// The next event.
    pub async fn next(&mut self) -> Result<Arc<Event>, Ended> {
        self.0.recv().await.map_err(|error| match error {
            RecvError::Lagged(missed) => Ended::TooSlow(missed),
            RecvError::Closed => Ended::Stopped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_hears_everything_since_it_subscribed_in_order() {
        let events = Events::new(Clock::system());
        events.lifecycle("before", String::new());
        let mut listener = events.subscribe();
        for number in 0..1000 {
            events.lifecycle("tick", number.to_string());
        }
        for number in 0..1000 {
            let event = listener.next().await.unwrap();
            assert_eq!(event.metadata["source"], number.to_string());
        }
    }

    #[tokio::test]
    async fn a_listener_that_falls_behind_is_told() {
        let events = Events::new(Clock::system());
        let mut listener = events.subscribe();
        for _ in 0..=BUFFER {
            events.lifecycle("tick", String::new());
        }
        assert_eq!(listener.next().await, Err(Ended::TooSlow(1)));
    }
}
