//! A registry that is configured: what a round with it is about, and when the next one is due.

use std::{sync::Arc, time::Duration};

use aar_client::{Backoff, Jitter, RetryPolicy};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    LocalCatalogue, Mode, Outcome, RoundRefused,
    assignment::{Assignment, Nudge},
    feed::{self, News},
    site::Site,
};

/// The wait after a first failed round; it grows to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

pub(crate) struct Post<L> {
    pub(crate) site: Arc<Site<L>>,
    backoff: Backoff,
    /// Whether the last round that came by itself failed.
    failing: bool,
    _feed: Option<AbortOnDropHandle<()>>,
}

impl<L: LocalCatalogue> Post<L> {
    pub(crate) fn new(site: Site<L>, jitter: &mut Jitter, news: &mpsc::Sender<News>) -> Self {
        let site = Arc::new(site);
        let interval = site.config.interval;
        let retry = RetryPolicy {
            failures: u32::MAX,
            first: FIRST_RETRY.min(interval),
            longest: interval,
        };
        let listens = site.config.mode == Mode::Pull;
        Self {
            _feed: listens.then(|| feed::listen(&site, jitter.split(), news.clone())),
            site,
            backoff: Backoff::new(retry),
            failing: false,
        }
    }

    /// What a round of everything is about in the present mode.
    pub(crate) fn everything(&self) -> Result<Assignment, RoundRefused> {
        let direction = self.site.config.mode.direction();
        Ok(Assignment {
            direction: direction.ok_or(RoundRefused::Manual)?,
            only: None,
        })
    }

    /// What the rounds are told of news, where it matters to them.
    pub(crate) fn nudge(&self, news: News) -> Option<Nudge> {
        let matters = match news {
            News::Changed => true,
            News::Lost => !self.failing,
            News::Recovered => self.failing,
        };
        matters.then(|| Nudge {
            // After a failure more may be amiss than the feed tells.
            by_feed_only: news == News::Changed && !self.failing,
            ..Nudge::default()
        })
    }

    /// How long to rest after a round: for the interval, and less after a failure.
    pub(crate) fn rest(&mut self, outcome: Outcome, jitter: &mut Jitter) -> Duration {
        let interval = self.site.config.interval;
        if outcome == Outcome::Cancelled {
            return jitter.around(interval);
        }
        self.failing = outcome != Outcome::Done;
        if self.failing {
            self.backoff.next(jitter).unwrap_or(interval)
        } else {
            self.backoff.reset();
            jitter.around(interval)
        }
    }
}
