//! Watches the change feed of the registry with long-polling requests.

use std::{sync::Arc, time::Duration};

use aar_client::{ChangesResponse, RegistryClient};
use aar_types::{Architecture, Changes, Revision, error_chain};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    context::SyncContext,
    local_catalogue::LocalCatalogue,
    status::{FeedState, StatusBoard},
};

/// How long the registry may hold a request.
const LONG_POLL: Duration = Duration::from_mins(1);
/// The shortest time between two requests without a change.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// How many responses in a row may come within the shortest time, as they do while a publisher sends
/// many versions. A registry that always responds at once, with whatever revision, is asked once in
/// that time.
const MAX_QUICK_RESPONSES: u32 = 10;

/// Waits 0.25 to 0.5 s first and 15 to 30 s at most.
const RETRY: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(15))
    .without_max_times();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedEvent {
    /// The catalogue has changed.
    Changed,
    /// The registry does not respond, or refuses the request.
    Lost,
    /// The registry responds again.
    Recovered,
}

/// Watches until the handle is dropped.
pub(crate) fn spawn<L: LocalCatalogue>(
    context: &Arc<SyncContext<L>>,
    events: mpsc::Sender<FeedEvent>,
) -> AbortOnDropHandle<()> {
    let watch = FeedWatch {
        client: context.client.clone(),
        architecture: context.catalogue.architecture(),
        board: Arc::clone(&context.board),
        observed: context.observed_revisions(),
        backoff: RETRY.build(),
        events,
    };
    AbortOnDropHandle::new(tokio::spawn(watch.run()))
}

struct FeedWatch {
    client: RegistryClient,
    architecture: Architecture,
    board: Arc<StatusBoard>,
    /// The revision of the last listing; changes before it are known.
    observed: watch::Receiver<Option<Revision>>,
    backoff: ExponentialBackoff,
    events: mpsc::Sender<FeedEvent>,
}

impl FeedWatch {
    async fn run(mut self) {
        let Some(mut since) = self.first_listing().await else {
            return;
        };
        let mut failures: u32 = 0;
        let mut quick: u32 = 0;
        loop {
            if failures == 0 {
                self.show(FeedState::Listening, None);
            }
            // After a failure, ask only whether the registry responds.
            let wait = if failures > 0 {
                Duration::ZERO
            } else {
                LONG_POLL
            };
            let requested = Instant::now();
            self.observed.mark_unchanged();
            match self.client.changes(since, wait).await {
                Ok(response) => {
                    quick = if requested.elapsed() < MIN_INTERVAL {
                        quick.saturating_add(1)
                    } else {
                        0
                    };
                    let next = self.handle(response, since).await;
                    if std::mem::take(&mut failures) > 0 {
                        self.send(FeedEvent::Recovered).await;
                    } else if next != since || requested.elapsed() >= MIN_INTERVAL {
                        self.backoff = RETRY.build();
                    } else {
                        self.pause().await;
                    }
                    since = next;
                    if quick > MAX_QUICK_RESPONSES {
                        tokio::time::sleep(MIN_INTERVAL).await;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.handle_failure(failures, &error).await;
                }
            }
        }
    }

    async fn first_listing(&mut self) -> Option<Revision> {
        let listed = self.observed.wait_for(Option::is_some).await.ok()?;
        *listed
    }

    /// Returns the revision for the next request.
    async fn handle(&mut self, response: ChangesResponse, since: Revision) -> Revision {
        match response {
            ChangesResponse::Changes(changes) => {
                if self.is_relevant(&changes, since) {
                    self.send(FeedEvent::Changed).await;
                } else if changes.revision > since {
                    self.skip(since, changes.revision);
                }
                changes.revision
            }
            ChangesResponse::Compacted => {
                self.send(FeedEvent::Changed).await;
                let observed = *self.observed.borrow();
                observed.unwrap_or(since)
            }
        }
    }

    /// Nothing has changed here between two revisions.
    fn skip(&self, since: Revision, to: Revision) {
        self.board.update(|status| {
            if status.compared == Some(since) {
                status.compared = Some(to);
            }
        });
    }

    /// A lower revision means another registry, or an older state of the same one.
    fn is_relevant(&self, changes: &Changes, since: Revision) -> bool {
        let mut architectures = changes.changes.iter().map(|change| change.architecture);
        changes.revision < since || architectures.any(|it| it == self.architecture)
    }

    /// A restart of the registry breaks the first request only. A second failure is for a round: it
    /// shows the reason and is retried.
    async fn handle_failure(&mut self, failures: u32, error: &aar_client::Error) {
        let cause = error_chain(&error);
        self.show(FeedState::Broken, Some(&cause));
        match failures {
            1 => tracing::info!(%cause, "the change feed is interrupted"),
            2 => self.send(FeedEvent::Lost).await,
            _ => {}
        }
        self.pause().await;
    }

    /// Waits before the next request, at most until a round has observed the registry.
    async fn pause(&mut self) {
        let Some(wait) = self.backoff.next() else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Ok(()) = self.observed.changed() => self.backoff = RETRY.build(),
        }
    }

    async fn send(&self, event: FeedEvent) {
        // The receiver is gone when the worker is about to drop this task.
        let _ = self.events.send(event).await;
    }

    fn show(&self, state: FeedState, cause: Option<&str>) {
        let shown = self.board.read();
        if shown.change_feed != state || shown.change_feed_error.as_deref() != cause {
            self.board.update(|status| {
                status.change_feed = state;
                status.change_feed_error = cause.map(str::to_owned);
            });
        }
    }
}
