//! How often sites may report.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aar_types::Fingerprint;
use tokio::time::Instant;

/// The shortest time between two reports of a site. Sites report at most once a second, and each report is a
/// write transaction.
const PACE: Duration = Duration::from_millis(500);

/// When each site reported last, to this process. It holds an entry for each certificate that was trusted.
#[derive(Debug, Default)]
pub(crate) struct ReportPace(Mutex<HashMap<Fingerprint, Instant>>);

impl ReportPace {
    pub(crate) fn admits(&self, site: Fingerprint) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.get(&site).is_some_and(|last| now - *last < PACE) {
            return false;
        }
        last.insert(site, now);
        true
    }
}
