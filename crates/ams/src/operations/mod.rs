//! Operations: work in the background whose state the API shows.
//!
//! An operation runs to completion whether or not a client waits for it. Clients read it, wait for
//! it and, where its work allows, cancel it. It stays readable for an hour after its end, unless many others
//! end meanwhile. Every change of it is an [event](crate::events).

mod context;

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_types::{Clock, error_chain};
use ams_api::{Operation, OperationClass, StatusCode};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{Error, events::Events};

use context::CancelSignal;

pub use context::OperationContext;

/// How long an operation stays readable after its end.
const RETENTION: SignedDuration = SignedDuration::from_hours(1);
/// The most ended operations that stay readable.
pub(crate) const MAX_ENDED: usize = 1000;

/// All operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    records: Mutex<HashMap<Uuid, OperationRecord>>,
    tasks: TaskTracker,
    events: Events,
    clock: Clock,
}

#[derive(Debug)]
struct OperationRecord {
    state: watch::Sender<Operation>,
    cancel: CancelSignal,
}

impl OperationRecord {
    fn ended_at(&self) -> Option<Timestamp> {
        let operation = self.state.borrow();
        let is_final = operation.status_code.is_final();
        is_final.then_some(operation.updated_at)
    }
}

/// The description of an operation that is about to start.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// Shown to users.
    pub description: String,
    /// The API paths of the resources that it works on, by kind.
    pub resources: BTreeMap<String, Vec<String>>,
    /// Whether clients may cancel it.
    pub may_cancel: bool,
}

impl NewOperation {
    pub fn on(description: impl Into<String>, kind: &str, address: String) -> Self {
        Self {
            description: description.into(),
            resources: BTreeMap::from([(kind.to_owned(), vec![address])]),
            may_cancel: false,
        }
    }

    /// Lets clients cancel the operation.
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

    /// Starts an operation, whose work runs to completion.
    pub fn start<W, F>(&self, new: NewOperation, work: W) -> Operation
    where
        W: FnOnce(OperationContext) -> F,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (context, begun) = self.begin(new);
        let operations = self.clone();
        let id = context.id();
        // A task of its own: a panic in it fails the operation.
        let work = tokio::spawn(work(context));
        self.0.tasks.spawn(async move {
            let outcome = work.await.unwrap_or_else(|panicked| Err(panicked.into()));
            operations.end(id, outcome);
        });
        begun
    }

    /// Adds an operation that is completed already: the API answers some requests with an operation
    /// though there is nothing to wait for.
    pub fn completed(&self, new: NewOperation) -> Operation {
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

    pub fn get(&self, id: Uuid) -> Option<Operation> {
        Some(self.records().get(&id)?.state.borrow().clone())
    }

    /// Waits until an operation has ended or the time is over, and returns its state.
    pub async fn wait(&self, id: Uuid, limit: Option<Duration>) -> Option<Operation> {
        let mut state = self.records().get(&id)?.state.subscribe();
        let ended = state.wait_for(|operation| operation.status_code.is_final());
        match limit {
            // An error means that the operation is no longer kept; the last known state is returned.
            Some(limit) => drop(tokio::time::timeout(limit, ended).await),
            None => drop(ended.await),
        }
        let operation = state.borrow().clone();
        Some(operation)
    }

    /// Requests the cancellation of an operation. `None` if there is no such operation.
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

    /// Cancels every operation that can be cancelled, then waits for all to end.
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
                "stopping although operations are still running"
            );
        }
    }

    fn begin(&self, new: NewOperation) -> (OperationContext, Operation) {
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
        let cancel = CancelSignal::default();
        let record = OperationRecord {
            state: watch::Sender::new(operation.clone()),
            cancel: cancel.clone(),
        };
        self.remove_expired();
        self.records().insert(operation.id, record);
        self.0.events.operation(&operation);
        let context = OperationContext::new(self.clone(), operation.id, cancel);
        (context, operation)
    }

    fn end(&self, id: Uuid, outcome: Result<(), Error>) {
        // The agent logs failures of its rounds.
        let logged = matches!(outcome, Err(Error::Round(_)));
        let (status, err) = match outcome {
            Ok(()) => (StatusCode::Success, String::new()),
            Err(Error::Cancelled) => (StatusCode::Cancelled, Error::Cancelled.to_string()),
            Err(error) => (StatusCode::Failure, error_chain(&error)),
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

    fn change(&self, record: &OperationRecord, change: impl FnOnce(&mut Operation)) {
        record.state.send_modify(|operation| {
            change(operation);
            operation.updated_at = self.0.clock.now();
            self.0.events.operation(operation);
        });
    }

    fn remove_expired(&self) {
        let now = self.0.clock.now();
        let mut records = self.records();
        records.retain(|_, record| {
            record
                .ended_at()
                // A time in the future was set while the clock was ahead.
                .is_none_or(|at| now.duration_since(at).abs() < RETENTION)
        });
        let ended = records.iter();
        let ended = ended.filter_map(|(id, record)| Some((record.ended_at()?, *id)));
        let mut ended: Vec<_> = ended.collect();
        if let Some(surplus) = ended
            .len()
            .checked_sub(MAX_ENDED)
            .filter(|count| *count > 0)
        {
            ended.sort_unstable();
            for (_, id) in &ended[..surplus] {
                records.remove(id);
            }
        }
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Uuid, OperationRecord>> {
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
