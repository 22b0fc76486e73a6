//! What somebody has confirmed, for as long as they stand by it.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Held;

/// Removals as they were held back when somebody confirmed them.
#[derive(Debug, Clone)]
pub(crate) struct Confirmation {
    pub(crate) held: Held,
    withdrawn: CancellationToken,
}

impl Confirmation {
    /// A confirmation that counts until its guard is dropped.
    pub(crate) fn new(held: Held) -> (Self, DropGuard) {
        let withdrawn = CancellationToken::new();
        let guard = withdrawn.clone().drop_guard();
        (Self { held, withdrawn }, guard)
    }

    /// Whether whoever gave it still waits for what comes of it.
    pub(crate) fn stands(&self) -> bool {
        !self.withdrawn.is_cancelled()
    }
}

/// Waits until one of them does not count any more.
pub(crate) async fn withdrawn(confirmations: &[Confirmation]) {
    let all = confirmations.iter();
    let mut all: Vec<_> = all.map(|it| Box::pin(it.withdrawn.cancelled())).collect();
    poll_fn(|context| {
        let mut all = all.iter_mut();
        if all.any(|one| one.as_mut().poll(context).is_ready()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
