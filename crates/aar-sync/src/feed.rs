//! The change feed: a request that the registry answers when there is something new, and the
//! patience to ask again whatever it answers.

use std::{sync::Arc, time::Duration};

use aar_client::{Backoff, ChangesAnswer, Jitter, RegistryClient, RetryPolicy};
use aar_types::{Architecture, Changes, Revision};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{FeedState, LocalCatalogue, board::Board, site::Site};

/// How long the registry may keep a request open.
const WAIT: Duration = Duration::from_mins(1);
/// An answer without news that comes sooner than this was not waited for.
const HASTE: Duration = Duration::from_secs(1);

const RETRY: RetryPolicy = RetryPolicy {
    failures: u32::MAX,
    first: Duration::from_millis(500),
    longest: Duration::from_secs(30),
};

/// What is heard from the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// The catalogue has changed.
    Changed,
    /// The registry does not answer, or refuses to.
    Lost,
    /// The registry answers again, after it did not.
    Recovered,
}

/// Listens as long as the handle lives.
pub(crate) fn listen<L: LocalCatalogue>(
    site: &Arc<Site<L>>,
    jitter: Jitter,
    news: mpsc::Sender<News>,
) -> AbortOnDropHandle<()> {
    let feed = Feed {
        client: site.client.clone(),
        architecture: site.catalogue.architecture(),
        board: Arc::clone(&site.board),
        listed: site.revisions(),
        backoff: Backoff::new(RETRY),
        jitter,
        news,
    };
    AbortOnDropHandle::new(tokio::spawn(feed.run()))
}

struct Feed {
    client: RegistryClient,
    architecture: Architecture,
    board: Arc<Board>,
    /// The revision of the last listing: changes before it are of no interest.
    listed: watch::Receiver<Option<Revision>>,
    backoff: Backoff,
    jitter: Jitter,
    news: mpsc::Sender<News>,
}

impl Feed {
    async fn run(mut self) {
        let Some(mut since) = self.first_listing().await else {
            return;
        };
        let mut failures: u32 = 0;
        loop {
            if failures == 0 {
                self.show(FeedState::Listening, None);
            }
            // After a failure the question is whether there is an answer at all.
            let wait = if failures > 0 { Duration::ZERO } else { WAIT };
            let asked = Instant::now();
            self.listed.mark_unchanged();
            match self.client.changes(since, wait).await {
                Ok(answer) => {
                    let next = self.take(answer, since).await;
                    if std::mem::take(&mut failures) > 0 {
                        self.tell(News::Recovered).await;
                    } else {
                        self.keep_pace(next != since, asked).await;
                    }
                    since = next;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.fail(failures, &error).await;
                }
            }
        }
    }

    /// A registry that restarts breaks its connections and is there again at once. One that stays
    /// away, or that lets us in no longer, is a matter for a round: it finds out the reason, shows
    /// it, and is tried again.
    async fn fail(&mut self, failures: u32, error: &aar_client::Error) {
        let cause = error.chain();
        self.show(FeedState::Broken, Some(&cause));
        match failures {
            1 => tracing::info!(%cause, "the change feed is interrupted"),
            2 => self.tell(News::Lost).await,
            _ => {}
        }
        self.pause().await;
    }

    async fn first_listing(&mut self) -> Option<Revision> {
        let listed = self.listed.wait_for(Option::is_some).await.ok()?;
        *listed
    }

    /// Passes on what an answer says and returns the revision to go on from.
    async fn take(&mut self, answer: ChangesAnswer, since: Revision) -> Revision {
        match answer {
            ChangesAnswer::Changes(changes) => {
                if self.concerns_us(&changes, since) {
                    self.tell(News::Changed).await;
                }
                changes.revision
            }
            ChangesAnswer::Compacted => {
                self.tell(News::Changed).await;
                let listed = *self.listed.borrow();
                listed.unwrap_or(since)
            }
        }
    }

    /// A registry whose revision went back is another one, or an older state of it.
    fn concerns_us(&self, changes: &Changes, since: Revision) -> bool {
        let ours = |change: &aar_types::Change| change.architecture == self.architecture;
        changes.revision < since || changes.changes.iter().any(ours)
    }

    /// Whatever the registry answers, it is not asked in a busy loop.
    async fn keep_pace(&mut self, advanced: bool, asked: Instant) {
        if advanced || asked.elapsed() >= HASTE {
            self.backoff.reset();
        } else {
            self.pause().await;
        }
    }

    /// Waits before the next request, but no longer than until a round has had an answer.
    async fn pause(&mut self) {
        let Some(wait) = self.backoff.next(&mut self.jitter) else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Ok(()) = self.listed.changed() => self.backoff.reset(),
        }
    }

    async fn tell(&self, news: News) {
        // Nobody listens only when the agent is about to end this task.
        let _ = self.news.send(news).await;
    }

    fn show(&self, state: FeedState, cause: Option<&str>) {
        let shown = self.board.read();
        if shown.change_feed != state || shown.change_feed_error.as_deref() != cause {
            self.board.write(|status| {
                status.change_feed = state;
                status.change_feed_error = cause.map(str::to_owned);
            });
        }
    }
}
