//! The board on which an agent shows how it is doing.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aar_client::TransferProgress;
use aar_types::{ApplicationName, VersionNumber};
use tokio::{sync::watch, time::Instant};

use crate::{AgentStatus, Direction, TransferStatus};

/// Over how long the speed of a transfer is taken, at least.
const WINDOW: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Board {
    status: watch::Sender<AgentStatus>,
    meters: Mutex<Vec<Weak<Meter>>>,
}

impl Board {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            status: watch::Sender::new(AgentStatus::default()),
            meters: Mutex::default(),
        })
    }

    /// Writes something on the board, for everybody who watches it.
    pub(crate) fn write(&self, change: impl FnOnce(&mut AgentStatus)) {
        let transfers = self.transfers();
        self.status.send_modify(|status| {
            change(status);
            status.transfers = transfers;
        });
    }

    /// What is on the board, with the transfers as they are at this moment.
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

    /// Shows a transfer for as long as its meter lives.
    pub(crate) fn transfer(
        &self,
        name: &ApplicationName,
        version: VersionNumber,
        direction: Direction,
        total: u64,
    ) -> Arc<Meter> {
        let meter = Arc::new(Meter {
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

    fn meters(&self) -> MutexGuard<'_, Vec<Weak<Meter>>> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the bytes of one transfer.
#[derive(Debug)]
pub(crate) struct Meter {
    name: ApplicationName,
    version: VersionNumber,
    direction: Direction,
    total: u64,
    bytes: AtomicU64,
    /// When the present window and the one before began, and where the transfer was then. What is
    /// there at the first sign of life was not transferred now, so there the count begins.
    windows: Mutex<[(Instant, Option<u64>); 2]>,
}

impl TransferProgress for Meter {
    fn at(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        let mut windows = self.windows();
        let [_, (begun, count)] = *windows;
        let now = Instant::now();
        if count.is_none_or(|count| count > bytes) {
            *windows = [(now, Some(bytes)); 2];
        } else if now - begun >= WINDOW {
            *windows = [windows[1], (now, Some(bytes))];
        }
    }
}

impl Meter {
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
        let [(begun, count), _] = *self.windows();
        let moved = bytes.saturating_sub(count.unwrap_or(bytes));
        let millis = begun.elapsed().as_millis().max(1);
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
    async fn speed_counts_what_moves_now_and_not_what_was_there() {
        let board = Board::new();
        let name = "a".parse().unwrap();
        let meter = board.transfer(&name, VersionNumber(1), Direction::Pull, 10_000);
        meter.at(5_000);
        assert_eq!(board.read().transfers[0].bytes_per_second, 0);
        for second in 1..=5 {
            tokio::time::advance(Duration::from_secs(1)).await;
            meter.at(5_000 + 100 * second);
        }
        let shown = board.read().transfers.remove(0);
        assert_eq!((shown.bytes, shown.bytes_per_second), (5_500, 100));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(board.read().transfers[0].bytes_per_second < 50);
    }

    #[tokio::test]
    async fn a_transfer_is_shown_as_long_as_it_runs() {
        let board = Board::new();
        let name = "a".parse().unwrap();
        let meter = board.transfer(&name, VersionNumber(1), Direction::Push, 1);
        assert_eq!(board.read().transfers.len(), 1);
        drop(meter);
        assert_eq!(board.read().transfers.len(), 0);
    }
}
