//! Which rounds run, and when: on request, after the interval, after a back-off, and when the change
//! feed says so. The feed is watched with long-polling requests.

use std::{sync::Arc, time::Duration};

use aar_client::{ChangesResponse, RegistryClient};
use aar_types::{Architecture, Changes, Clock, Revision, error_chain};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use tokio::{
    sync::{
        mpsc,
        watch::{self, Sender},
    },
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::{SyncDirection, SyncMode},
    context::SyncContext,
    error::RoundRefused,
    held::Confirmation,
    local_catalogue::LocalCatalogue,
    reconcile::{Round, RoundResult},
    round::{Counts, RoundOutcome, RoundReport},
    round::{ReplySender, Scope, WakeUps},
    status::{FeedState, StatusBoard},
};

/// The wait after the first failed round; it grows up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The schedule of one configuration.
pub(crate) struct Schedule<L> {
    pub(crate) context: Arc<SyncContext<L>>,
    /// When the next automatic round is due.
    pub(crate) next: Option<Instant>,
    retry: ExponentialBuilder,
    backoff: ExponentialBackoff,
    /// Whether the last full round failed.
    failing: bool,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl<L: LocalCatalogue> Schedule<L> {
    pub(crate) fn new(context: SyncContext<L>, events: &mpsc::Sender<FeedEvent>) -> Self {
        let context = Arc::new(context);
        let interval = context.config.interval;
        // The jitter adds up to the delay itself.
        let retry = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(FIRST_RETRY.min(interval) / 2)
            .with_max_delay(interval / 2)
            .without_max_times();
        let watches = context.config.mode == SyncMode::Pull;
        Self {
            _watch: watches.then(|| watch_feed(&context, events.clone())),
            context,
            next: None,
            backoff: retry.build(),
            retry,
            failing: false,
        }
    }

    pub(crate) fn mode(&self) -> SyncMode {
        self.context.config.mode
    }

    pub(crate) fn full_scope(&self) -> Result<Scope, RoundRefused> {
        let direction = self.mode().direction();
        Ok(Scope {
            direction: direction.ok_or(RoundRefused::ManualMode)?,
            application: None,
        })
    }

    /// The wake-up that an event of the change feed stands for, if it says something new.
    pub(crate) fn wake_up(&self, event: FeedEvent) -> Option<WakeUps> {
        let is_news = match event {
            FeedEvent::Changed => true,
            FeedEvent::Lost => !self.failing,
            FeedEvent::Recovered => self.failing,
        };
        is_news.then(|| WakeUps {
            // After a failure, more may be wrong than the feed says.
            only_by_feed: event == FeedEvent::Changed && !self.failing,
            ..WakeUps::default()
        })
    }

    /// Schedules the round after a full one, and returns the wait until then.
    pub(crate) fn set_next(&mut self, outcome: RoundOutcome) -> Duration {
        let now = Instant::now();
        let next = match self.next {
            // A cancelled round tried nothing that was due.
            Some(next) if outcome == RoundOutcome::Cancelled => next,
            next => {
                let scheduled = now + self.wait(outcome);
                // A change during the round does not wait.
                next.filter(|next| *next <= now).unwrap_or(scheduled)
            }
        };
        self.next = Some(next);
        next.saturating_duration_since(now)
    }

    fn wait(&mut self, outcome: RoundOutcome) -> Duration {
        let interval = self.context.config.interval;
        if outcome == RoundOutcome::Cancelled {
            return with_jitter(interval);
        }
        self.failing = outcome != RoundOutcome::Done;
        if self.failing {
            self.backoff.next().unwrap_or(interval)
        } else {
            self.backoff = self.retry.build();
            with_jitter(interval)
        }
    }
}

/// The interval ± 10 %, so that many clients do not list the catalogue at the same moment.
fn with_jitter(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

pub(crate) struct RunningRound {
    pub(crate) scope: Scope,
    pub(crate) started: Timestamp,
    pub(crate) wake_ups: Sender<WakeUps>,
    pub(crate) cancelled: CancellationToken,
    pub(crate) requesters: Vec<ReplySender>,
    /// Whether the agent itself started it or woke it up: then it continues without requesters.
    pub(crate) automatic: bool,
    /// The counts of its earlier runs.
    pub(crate) earlier: Counts,
    task: JoinHandle<RoundResult>,
}

/// Waits for the running round to end.
pub(crate) struct QueuedRound {
    pub(crate) scope: Scope,
    pub(crate) confirmations: Vec<Confirmation>,
    pub(crate) requesters: Vec<ReplySender>,
}

impl RunningRound {
    pub(crate) fn start<L: LocalCatalogue>(
        context: Arc<SyncContext<L>>,
        scope: Scope,
        wake_ups: WakeUps,
        requesters: Vec<ReplySender>,
        clock: Clock,
    ) -> Self {
        let wake_ups = Sender::new(wake_ups);
        let cancelled = CancellationToken::new();
        let started = clock.now();
        let (sender, token) = (wake_ups.clone(), cancelled.clone());
        let round = Round::new(context, scope.clone(), sender, token, clock);
        Self {
            scope,
            started,
            wake_ups,
            cancelled,
            requesters,
            automatic: false,
            earlier: Counts::default(),
            task: tokio::spawn(round.run(started)),
        }
    }

    /// Whether a request for this scope can join. A cancelled round accepts none.
    pub(crate) fn accepts(&self, scope: &Scope) -> bool {
        self.scope == *scope && !self.cancelled.is_cancelled()
    }

    pub(crate) fn accepts_changes(&self) -> bool {
        self.scope.is_full() && !self.cancelled.is_cancelled()
    }

    pub(crate) fn is_push_of_one(&self) -> bool {
        self.scope.direction == SyncDirection::Push && !self.scope.is_full()
    }

    pub(crate) fn wake_up(&self, more: WakeUps) {
        self.wake_ups.send_modify(|wake_ups| wake_ups.add(more));
    }

    /// Whether it was woken up after its last observation. The round itself cannot tell: a wake-up
    /// can come between its last step and the moment at which the worker sees its end.
    pub(crate) fn was_woken_after(&self, result: &RoundResult) -> bool {
        let count = self.wake_ups.borrow().count;
        result.observed_wake_up.is_some_and(|last| last != count)
    }

    /// Waits for the end. Cancels the round when nothing needs it any more.
    async fn ended(&mut self) -> RoundResult {
        if !self.task.is_finished() && !self.cancelled.is_cancelled() {
            tokio::select! {
                result = result(&mut self.task, self.started) => return result,
                () = abandoned(self.automatic, &mut self.requesters) => self.cancelled.cancel(),
            }
        }
        result(&mut self.task, self.started).await
    }
}

impl QueuedRound {
    pub(crate) fn is_wanted(&self) -> bool {
        self.requesters
            .iter()
            .any(|requester| !requester.is_closed())
    }
}

/// Waits for the end of the running round; forever if there is none.
pub(crate) async fn ended(running: &mut Option<RunningRound>) -> RoundResult {
    match running {
        Some(running) => running.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits until all requesters have cancelled; forever if the round is automatic.
async fn abandoned(automatic: bool, requesters: &mut [ReplySender]) {
    if automatic {
        return std::future::pending().await;
    }
    for requester in requesters {
        requester.closed().await;
    }
}

/// A round that panicked has failed, and the agent continues.
async fn result(task: &mut JoinHandle<RoundResult>, started: Timestamp) -> RoundResult {
    task.await.unwrap_or_else(|error| RoundResult {
        applications: None,
        observed_wake_up: None,
        report: RoundReport {
            started,
            finished: started,
            outcome: RoundOutcome::Failed,
            error: Some(format!("the round panicked, which is a bug: {error}")),
            counts: Counts::default(),
            failures: Vec::new(),
            held: None,
            conflicts: Vec::new(),
        },
    })
}

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

/// Watches the change feed until the handle is dropped.
fn watch_feed<L: LocalCatalogue>(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_within_10_percent_and_spread() {
        let hour = Duration::from_hours(1);
        let waits: Vec<_> = (0..1000).map(|_| with_jitter(hour)).collect();
        assert!(waits.iter().all(|w| (3240..=3960).contains(&w.as_secs())));
        let early = waits.iter().filter(|w| **w < hour).count();
        assert!((400..600).contains(&early), "{early} of 1000 are early");
    }
}
