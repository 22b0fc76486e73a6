use std::{future::pending, time::Duration};

use http::Method;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use uuid::Uuid;

use super::{AmsClient, EventStream};
use crate::{Error, EventSelection, Operation, StatusCode};

/// How often an operation is looked at while events tell of it, should one get lost.
const POLL_BESIDE_EVENTS: Duration = Duration::from_secs(5);
/// How often an operation is looked at when there are no events.
const POLL_ALONE: Duration = Duration::from_millis(500);

impl AmsClient {
    /// Every operation that is known to AMS.
    pub async fn operations(&self) -> Result<Vec<Operation>, Error> {
        self.list("/1.0/operations?recursion=1").await
    }

    /// One operation.
    pub async fn operation(&self, id: Uuid) -> Result<Operation, Error> {
        self.get(&Operation::url(id)).await
    }

    /// Asks for an operation to be cancelled.
    pub async fn cancel_operation(&self, id: Uuid) -> Result<(), Error> {
        let path = Operation::url(id);
        self.change(Method::DELETE, &path, &json!({})).await?;
        Ok(())
    }

    /// Gets ready to wait for an operation that is about to be begun: whoever listens before
    /// asking misses nothing. Without events it will poll.
    pub async fn watch(&self) -> Watch {
        let events = self.events(EventSelection::Operation).await.ok();
        Watch {
            client: self.clone(),
            events,
        }
    }
}

/// Waits for an operation. Events tell of its changes; polling stands in where they are not to be
/// had, break off, or miss one.
pub struct Watch {
    client: AmsClient,
    events: Option<EventStream>,
}

impl Watch {
    /// Waits until the operation is over, at most as long as the limit says. `changed` hears of
    /// everything on the way.
    pub async fn finish(
        mut self,
        mut operation: Operation,
        limit: Option<Duration>,
        mut changed: impl FnMut(&Operation),
    ) -> Result<Operation, Error> {
        let deadline = limit.map(|limit| (limit, Instant::now() + limit));
        // The first look is soon: what was over before anybody listened is not told again.
        let mut poll = interval_at(Instant::now() + POLL_ALONE, self.poll_period());
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !operation.status_code.is_final() {
            changed(&operation);
            operation = tokio::select! {
                told = next_of(&mut self.events, &operation) => {
                    if told.is_none() {
                        self.events = None;
                        poll = interval_at(Instant::now(), POLL_ALONE);
                    }
                    told.unwrap_or(operation)
                }
                _ = poll.tick() => self.client.operation(operation.id).await?,
                limit = expiry(deadline) => return Err(Error::WaitExpired { limit }),
            };
        }
        changed(&operation);
        result(operation)
    }

    fn poll_period(&self) -> Duration {
        match self.events {
            Some(_) => POLL_BESIDE_EVENTS,
            None => POLL_ALONE,
        }
    }
}

/// The next state of an operation that events tell; none when there will be no more. Events that
/// have waited for their reader may be older than what polling has told.
async fn next_of(events: &mut Option<EventStream>, known: &Operation) -> Option<Operation> {
    let Some(stream) = events else {
        return pending().await;
    };
    loop {
        let event = stream.next().await.ok()??;
        let news = |told: &Operation| told.id == known.id && told.updated_at >= known.updated_at;
        if let Some(operation) = event.operation().filter(news) {
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
