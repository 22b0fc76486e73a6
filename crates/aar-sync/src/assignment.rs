//! What a round is about, and what it is told while it runs.

use std::collections::BTreeSet;

use aar_types::ApplicationName;

use crate::{Direction, confirmation::Confirmation};

/// What a round is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) direction: Direction,
    /// The application, where it is about one.
    pub(crate) only: Option<ApplicationName>,
}

/// What a running round is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nudge {
    /// Counts how often something has changed.
    pub(crate) count: u64,
    /// What somebody has confirmed: removals as they were held back at that moment.
    pub(crate) confirmed: Vec<Confirmation>,
    /// Whether nobody asks but the change feed, which says what has changed.
    pub(crate) by_feed_only: bool,
}

impl Nudge {
    /// Somebody asks.
    pub(crate) fn by_hand(confirmed: Vec<Confirmation>) -> Self {
        Self {
            confirmed,
            ..Self::default()
        }
    }

    /// Adds another one.
    pub(crate) fn add(&mut self, more: Self) {
        self.count += 1;
        self.confirmed.extend(more.confirmed);
        self.by_feed_only &= more.by_feed_only;
    }

    /// Ends what was confirmed of applications that would lose nothing now: they are gone, or the
    /// registry shows them again. Should it lose them once more, that is another matter.
    pub(crate) fn keep_confirmed(&mut self, losing: &BTreeSet<&ApplicationName>) {
        for confirmed in &mut self.confirmed {
            let applications = &mut confirmed.held.applications;
            applications.retain(|name| losing.contains(name));
        }
    }
}
