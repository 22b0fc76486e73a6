//! What a round is about, and what it is told while it runs.

use aar_types::ApplicationName;

use crate::Direction;

/// What a round is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) direction: Direction,
    /// The application, where it is about one.
    pub(crate) only: Option<ApplicationName>,
}

/// What a running round is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Nudge {
    /// Counts how often something has changed.
    pub(crate) count: u64,
    /// Whether somebody has confirmed removals.
    pub(crate) confirmed: bool,
    /// Whether nobody asks but the change feed, which says what has changed.
    pub(crate) by_feed_only: bool,
}

impl Nudge {
    /// Somebody asks.
    pub(crate) fn by_hand(confirmed: bool) -> Self {
        Self {
            confirmed,
            ..Self::default()
        }
    }
}
