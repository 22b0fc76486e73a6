//! The status of an agent, for people and monitoring. No decision depends on it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aar_client::TransferProgress;
use aar_types::{ApplicationName, RegistryId, Revision, VersionNumber};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::Instant};

use crate::{
    config::{SyncDirection, SyncMode},
    held::HeldRemovals,
    plan::Conflict,
    round::{RoundOutcome, RoundReport, Totals},
};

/// The shortest period over which the speed of a transfer is measured.
const SPEED_WINDOW: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// `None` while no registry is configured.
    pub mode: Option<SyncMode>,
    /// Why the configuration is invalid, in a sentence.
    pub problem: Option<String>,
    pub running: bool,
    pub registry: Option<ObservedRegistry>,
    pub last_round: Option<RoundReport>,
    /// When the next round is scheduled.
    pub next_round: Option<Timestamp>,
    pub change_feed: FeedState,
    /// Why the change feed is broken, in a sentence.
    #[serde(default)]
    pub change_feed_error: Option<String>,
    /// How far the clock of the registry is ahead of the local one, if that endangers the validity of
    /// certificates.
    pub clock_skew_seconds: Option<i64>,
    pub held: Option<HeldRemovals>,
    pub conflicts: Vec<Conflict>,
    /// The revision with which `applications` were compared, or a later one that differs only for other
    /// architectures.
    #[serde(default)]
    pub compared: Option<Revision>,
    /// By name, compared with the registry as last observed.
    pub applications: Vec<ApplicationState>,
    pub transfers: Vec<TransferStatus>,
    pub totals: Totals,
}

/// The registry as last observed, whether it is followed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedRegistry {
    pub id: RegistryId,
    pub revision: Revision,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// The mode does not need the change feed, or there was no listing yet.
    #[default]
    Off,
    Listening,
    /// The request failed and is retried.
    Broken,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationState {
    pub name: ApplicationName,
    pub state: SyncState,
    /// Why it is not synced, in a sentence.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncState {
    Synced,
    /// Steps remain.
    Pending,
    /// A version is being built on this AMS; there is nothing to push yet.
    Building,
    /// A step failed; the next round retries.
    Failed,
    /// Both sides disagree; nothing is done until an operator resolves it.
    Conflict,
    /// Its removal is held.
    Held,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferStatus {
    pub name: ApplicationName,
    pub version: VersionNumber,
    pub direction: SyncDirection,
    /// How many bytes have arrived.
    pub bytes: u64,
    pub total: u64,
    pub bytes_per_second: u64,
}

impl AgentStatus {
    /// `applications` are the states at its end; `None` if the round did not get far enough. `only` is
    /// the application of a round of one.
    pub(crate) fn record_round(
        &mut self,
        report: RoundReport,
        applications: Option<Vec<ApplicationState>>,
        only: Option<&ApplicationName>,
    ) {
        match (applications, only) {
            // Without an observation, held removals and conflicts are as before.
            (Some(all), None) if report.outcome == RoundOutcome::Failed => self.applications = all,
            (Some(all), None) => {
                self.held.clone_from(&report.held);
                self.conflicts.clone_from(&report.conflicts);
                self.applications = all;
            }
            (Some(one), Some(name)) => {
                self.conflicts.retain(|known| known.application() != name);
                self.conflicts.extend(report.conflicts.iter().cloned());
                self.applications.retain(|known| known.name != *name);
                self.applications.extend(one);
                self.applications.sort_by(|a, b| a.name.cmp(&b.name));
            }
            (None, _) => {}
        }
        self.running = false;
        self.totals.add(&report);
        self.last_round = Some(report);
    }
}

/// Publishes the status of an agent.
#[derive(Debug)]
pub(crate) struct StatusBoard {
    status: watch::Sender<AgentStatus>,
    meters: Mutex<Vec<Weak<TransferMeter>>>,
}

impl StatusBoard {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            status: watch::Sender::new(AgentStatus::default()),
            meters: Mutex::default(),
        })
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut AgentStatus)) {
        let transfers = self.transfers();
        self.status.send_modify(|status| {
            change(status);
            status.transfers = transfers;
        });
    }

    /// The status with the present progress of transfers.
    pub(crate) fn read(&self) -> AgentStatus {
        let status = self.status.borrow().clone();
        AgentStatus {
            transfers: self.transfers(),
            ..status
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<AgentStatus> {
        self.status.subscribe()
    }

    /// Shows a transfer as long as its meter lives.
    pub(crate) fn transfer(
        &self,
        name: &ApplicationName,
        version: VersionNumber,
        direction: SyncDirection,
        total: u64,
    ) -> Arc<TransferMeter> {
        let meter = Arc::new(TransferMeter {
            name: name.clone(),
            version,
            direction,
            total,
            bytes: AtomicU64::new(0),
            windows: Mutex::new([(Instant::now(), None); 2]),
        });
        let mut meters = self.meters();
        meters.retain(|known| known.strong_count() > 0);
        meters.push(Arc::downgrade(&meter));
        meter
    }

    fn transfers(&self) -> Vec<TransferStatus> {
        let meters = self.meters();
        let alive = meters.iter().filter_map(Weak::upgrade);
        alive.map(|meter| meter.read()).collect()
    }

    fn meters(&self) -> MutexGuard<'_, Vec<Weak<TransferMeter>>> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct TransferMeter {
    name: ApplicationName,
    version: VersionNumber,
    direction: SyncDirection,
    total: u64,
    bytes: AtomicU64,
    /// Start and offset of the previous and the current window. The first offset is what a resumed
    /// transfer already has, so it does not count for the speed.
    windows: Mutex<[(Instant, Option<u64>); 2]>,
}

impl TransferProgress for TransferMeter {
    fn report(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        let mut windows = self.windows();
        let [_, (start, offset)] = *windows;
        let now = Instant::now();
        if offset.is_none_or(|offset| offset > bytes) {
            *windows = [(now, Some(bytes)); 2];
        } else if now - start >= SPEED_WINDOW {
            *windows = [windows[1], (now, Some(bytes))];
        }
    }
}

impl TransferMeter {
    fn read(&self) -> TransferStatus {
        let bytes = self.bytes.load(Ordering::Relaxed);
        TransferStatus {
            name: self.name.clone(),
            version: self.version,
            direction: self.direction,
            bytes,
            total: self.total,
            bytes_per_second: self.speed(bytes),
        }
    }

    fn speed(&self, bytes: u64) -> u64 {
        let [(start, offset), _] = *self.windows();
        let moved = bytes.saturating_sub(offset.unwrap_or(bytes));
        let millis = start.elapsed().as_millis().max(1);
        u64::try_from(u128::from(moved) * 1000 / millis).unwrap_or(u64::MAX)
    }

    fn windows(&self) -> MutexGuard<'_, [(Instant, Option<u64>); 2]> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn transfer_speed_excludes_bytes_of_earlier_attempts() {
        let board = StatusBoard::new();
        let name = "a".parse().unwrap();
        let meter = board.transfer(&name, VersionNumber(1), SyncDirection::Pull, 10_000);
        meter.report(5_000);
        assert_eq!(board.read().transfers[0].bytes_per_second, 0);
        for second in 1..=5 {
            tokio::time::advance(Duration::from_secs(1)).await;
            meter.report(5_000 + 100 * second);
        }
        let shown = board.read().transfers.remove(0);
        assert_eq!((shown.bytes, shown.bytes_per_second), (5_500, 100));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(board.read().transfers[0].bytes_per_second < 50);
    }

    #[tokio::test]
    async fn transfer_is_shown_until_its_meter_is_dropped() {
        let board = StatusBoard::new();
        let name = "a".parse().unwrap();
        let meter = board.transfer(&name, VersionNumber(1), SyncDirection::Push, 1);
        assert_eq!(board.read().transfers.len(), 1);
        drop(meter);
        assert_eq!(board.read().transfers.len(), 0);
    }
}
