//! What AMS does in the background, and how it goes.
//!
//! An operation runs to its end whether or not anybody waits for it. It can be looked at, waited
//! for and, where its work allows, cancelled; after its end it is kept for a while, so that whoever
//! asks late still gets the answer. Every change is told as an [event](crate::events).

mod context;

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_types::Clock;
use ams_api::{Operation, OperationClass, StatusCode};
use jiff::SignedDuration;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{Error, error::chain, events::Events};

use context::Cancel;

pub use context::Context;

/// How long an operation is kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// All operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    records: Mutex<HashMap<Uuid, Record>>,
    tasks: TaskTracker,
    events: Events,
    clock: Clock,
}

#[derive(Debug)]
struct Record {
    state: watch::Sender<Operation>,
    cancel: Cancel,
}

/// What an operation is about.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// What it does, for people.
    pub description: String,
    /// The addresses of what it works on, by kind.
    pub resources: BTreeMap<String, Vec<String>>,
    /// Whether its work can be cancelled.
    pub may_cancel: bool,
}

impl NewOperation {
    /// An operation on one thing of a kind, at the given address.
    pub fn on(description: impl Into<String>, kind: &str, address: String) -> Self {
        Self {
            description: description.into(),
            resources: BTreeMap::from([(kind.to_owned(), vec![address])]),
            may_cancel: false,
        }
    }

    /// The same, for work that can be cancelled.
    #[must_use]
    pub fn cancellable(self) -> Self {
        Self {
            may_cancel: true,
            ..self
        }
    }
}

impl Operations {
    pub(crate) fn new(events: Events, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            records: Mutex::default(),
            tasks: TaskTracker::new(),
            events,
            clock,
        }))
    }

    /// Begins an operation. Its work runs to the end from here on.
    pub fn start<W, F>(&self, new: NewOperation, work: W) -> Operation
    where
        W: FnOnce(Context) -> F,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (context, begun) = self.begin(new);
        let operations = self.clone();
        let id = context.id();
        let work = tokio::spawn(work(context));
        self.0.tasks.spawn(async move {
            let outcome = work.await.unwrap_or_else(|stopped| Err(stopped.into()));
            operations.end(id, outcome);
        });
        begun
    }

    /// An operation whose work was done before it was asked for: for requests that answer with an
    /// operation although there is nothing to wait for.
    pub fn done(&self, new: NewOperation) -> Operation {
        let (context, begun) = self.begin(new);
        self.end(context.id(), Ok(()));
        self.get(context.id()).unwrap_or(begun)
    }

    /// The operations that have not ended, oldest first.
    pub fn list(&self) -> Vec<Operation> {
        let records = self.records();
        let all = records.values().map(|record| record.state.borrow().clone());
        let mut running: Vec<_> = all.filter(|o| !o.status_code.is_final()).collect();
        running.sort_by_key(|operation| operation.created_at);
        running
    }

    /// An operation, also for a while after its end.
    pub fn get(&self, id: Uuid) -> Option<Operation> {
        Some(self.records().get(&id)?.state.borrow().clone())
    }

    /// Waits until an operation has ended or the time is over, and tells where it stands then.
    pub async fn wait(&self, id: Uuid, limit: Option<Duration>) -> Option<Operation> {
        let mut state = self.records().get(&id)?.state.subscribe();
        let ended = state.wait_for(|operation| operation.status_code.is_final());
        match limit {
            // Nobody to tell of the end: what is known then is all there is.
            Some(limit) => drop(tokio::time::timeout(limit, ended).await),
            None => drop(ended.await),
        }
        let operation = state.borrow().clone();
        Some(operation)
    }

    /// Tells an operation to stop. `None` if there is none; an error if it cannot be cancelled.
    pub fn cancel(&self, id: Uuid) -> Result<Option<()>, Error> {
        let records = self.records();
        let Some(record) = records.get(&id) else {
            return Ok(None);
        };
        if !record.state.borrow().may_cancel {
            return Err(Error::NotCancellable(id));
        }
        record.cancel.cancel();
        self.change(record, |operation| {
            operation.may_cancel = false;
            set_status(operation, StatusCode::Cancelling);
        });
        Ok(Some(()))
    }

    /// Waits until every operation has ended, at most for the given time. Those that can be
    /// cancelled are.
    pub(crate) async fn close(&self, limit: Duration) {
        for operation in self.list() {
            let _ = self.cancel(operation.id);
        }
        self.0.tasks.close();
        if tokio::time::timeout(limit, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                operations = self.list().len(),
                "operations are left unfinished"
            );
        }
    }

    fn begin(&self, new: NewOperation) -> (Context, Operation) {
        let now = self.0.clock.now();
        let mut operation = Operation {
            id: Uuid::new_v4(),
            class: OperationClass::Task,
            description: new.description,
            created_at: now,
            updated_at: now,
            status: String::new(),
            status_code: StatusCode::Running,
            resources: new.resources,
            metadata: BTreeMap::new(),
            may_cancel: new.may_cancel,
            err: String::new(),
            server_address: String::new(),
        };
        set_status(&mut operation, StatusCode::Running);
        let cancel = Cancel::default();
        let record = Record {
            state: watch::Sender::new(operation.clone()),
            cancel: cancel.clone(),
        };
        self.forget_old();
        self.records().insert(operation.id, record);
        self.0.events.operation(&operation);
        let context = Context::new(self.clone(), operation.id, cancel);
        (context, operation)
    }

    fn end(&self, id: Uuid, outcome: Result<(), Error>) {
        // The agent has logged what went wrong in its round.
        let logged = matches!(outcome, Err(Error::Round(_)));
        let (status, err) = match outcome {
            Ok(()) => (StatusCode::Success, String::new()),
            Err(Error::Cancelled) => (StatusCode::Cancelled, Error::Cancelled.to_string()),
            Err(error) => (StatusCode::Failure, chain(&error)),
        };
        self.update(id, |operation| {
            operation.may_cancel = false;
            operation.err = err;
            set_status(operation, status);
            if status == StatusCode::Failure && !logged {
                let Operation {
                    description, err, ..
                } = operation;
                tracing::warn!(%id, description, err, "operation failed");
            }
        });
    }

    fn update(&self, id: Uuid, change: impl FnOnce(&mut Operation)) {
        if let Some(record) = self.records().get(&id) {
            self.change(record, change);
        }
    }

    fn change(&self, record: &Record, change: impl FnOnce(&mut Operation)) {
        record.state.send_modify(|operation| {
            change(operation);
            operation.updated_at = self.0.clock.now();
            self.0.events.operation(operation);
        });
    }

    fn forget_old(&self) {
        let now = self.0.clock.now();
        self.records().retain(|_, record| {
            let operation = record.state.borrow();
            !operation.status_code.is_final() || now.duration_since(operation.updated_at) < KEPT
        });
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Uuid, Record>> {
        let records = self.0.records.lock();
        records.unwrap_or_else(PoisonError::into_inner)
    }
}

fn set_status(operation: &mut Operation, status: StatusCode) {
    operation.status_code = status;
    status.as_str().clone_into(&mut operation.status);
}

#[cfg(test)]
mod tests;
