use std::{future::pending, time::Duration};

use http::Method;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use uuid::Uuid;

use super::{AmsClient, EventStream};
use crate::{Error, EventSelection, Operation, StatusCode};

/// The polling interval while events arrive, in case one is lost.
const POLL_WITH_EVENTS: Duration = Duration::from_secs(5);
const POLL_WITHOUT_EVENTS: Duration = Duration::from_millis(500);

impl AmsClient {
    /// Lists the operations.
    pub async fn operations(&self) -> Result<Vec<Operation>, Error> {
        self.list("/1.0/operations?recursion=1").await
    }

    /// Reads an operation.
    pub async fn operation(&self, id: Uuid) -> Result<Operation, Error> {
        self.get(&Operation::url(id)).await
    }

    /// Cancels an operation.
    pub async fn cancel_operation(&self, id: Uuid) -> Result<(), Error> {
        let path = Operation::url(id);
        self.change(Method::DELETE, &path, &json!({})).await?;
        Ok(())
    }

    /// Subscribes to the events of operations. A caller that subscribes before it starts an operation
    /// misses none of its events. The watch polls if it cannot subscribe.
    pub async fn watch(&self) -> Watch {
        let events = self.events(EventSelection::Operation).await.ok();
        Watch {
            client: self.clone(),
            events,
        }
    }
}

/// Waits for an operation by its events. Polls if there are no events, or if they end or miss a change.
pub struct Watch {
    client: AmsClient,
    events: Option<EventStream>,
}

impl Watch {
    /// Waits until the operation has ended, or the limit has passed. `changed` is called with each state.
    pub async fn wait(
        mut self,
        mut operation: Operation,
        limit: Option<Duration>,
        mut changed: impl FnMut(&Operation),
    ) -> Result<Operation, Error> {
        let deadline = limit.map(|limit| (limit, Instant::now() + limit));
        // The first poll is soon: there is no event for an operation that ended before the subscription.
        let mut poll = interval_at(Instant::now() + POLL_WITHOUT_EVENTS, self.poll_interval());
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !operation.status_code.is_final() {
            changed(&operation);
            operation = tokio::select! {
                next = next_state(&mut self.events, &operation) => {
                    if next.is_none() {
                        self.events = None;
                        poll = interval_at(Instant::now(), POLL_WITHOUT_EVENTS);
                    }
                    next.unwrap_or(operation)
                }
                _ = poll.tick() => self.client.operation(operation.id).await?,
                limit = expiry(deadline) => return Err(Error::WaitExpired { limit }),
            };
        }
        changed(&operation);
        result(operation)
    }

    fn poll_interval(&self) -> Duration {
        match self.events {
            Some(_) => POLL_WITH_EVENTS,
            None => POLL_WITHOUT_EVENTS,
        }
    }
}

/// The next state of an operation from its events; `None` when the events have ended. An event that was
/// received late may be older than the last poll, and is skipped.
async fn next_state(events: &mut Option<EventStream>, known: &Operation) -> Option<Operation> {
    let Some(stream) = events else {
        return pending().await;
    };
    loop {
        let event = stream.next().await.ok()??;
        let is_newer = |it: &Operation| it.id == known.id && it.updated_at >= known.updated_at;
        if let Some(operation) = event.operation().filter(is_newer) {
            return Some(operation);
        }
    }
}

async fn expiry(deadline: Option<(Duration, Instant)>) -> Duration {
    match deadline {
        Some((limit, at)) => {
            sleep_until(at).await;
            limit
        }
        None => pending().await,
    }
}

fn result(operation: Operation) -> Result<Operation, Error> {
    match operation.status_code {
        StatusCode::Success => Ok(operation),
        status => Err(Error::Operation {
            status,
            message: operation.err,
        }),
    }
}
