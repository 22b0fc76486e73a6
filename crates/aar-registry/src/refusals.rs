//! Records refusals, within limits, so that refused callers cannot fill the disk.
//!
//! Each caller is recorded at most once a minute, and all callers together have a limit, too. Other refusals
//! are counted, and the next entry has their number.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    task::JoinHandle,
};

use crate::{
    Error, Outcome,
    actor::Actor,
    metadata::{AuditRow, Metadata},
};

/// The time in which further refusals of a caller are only counted.
const QUIET: SignedDuration = SignedDuration::from_mins(1);
/// The maximum burst of entries of all callers together.
const BURST: u32 = 120;
/// The time after which one more entry is allowed.
const REFILL: SignedDuration = SignedDuration::from_secs(10);
/// The maximum number of remembered callers. Beyond it, all are forgotten.
const CALLERS: usize = 4096;
/// The maximum number of queued entries: more than a burst.
const QUEUE: usize = 2 * BURST as usize;
/// The maximum length of a text: callers choose texts.
const TEXT: usize = 200;

/// Selects the refusals to record. A caller is identified by certificate, or else by address.
#[derive(Debug)]
struct Throttle {
    callers: HashMap<String, RecordedCaller>,
    tokens: u32,
    refilled: Timestamp,
    /// Unrecorded refusals, except those counted by caller.
    lost: u64,
}

#[derive(Debug)]
struct RecordedCaller {
    recorded: Timestamp,
    suppressed: u64,
}

impl Throttle {
    fn new() -> Self {
        Self {
            callers: HashMap::new(),
            tokens: BURST,
            refilled: Timestamp::UNIX_EPOCH,
            lost: 0,
        }
    }

    /// Returns the number of unrecorded refusals before this one; `None` if this one is not recorded either.
    /// An entry in the future is old, too: the clock may have been set back.
    fn admit(&mut self, caller: String, now: Timestamp) -> Option<u64> {
        if let Some(known) = self.callers.get_mut(&caller)
            && now.duration_since(known.recorded).abs() < QUIET
        {
            known.suppressed += 1;
            return None;
        }
        if !self.take_token(now) {
            self.lost += 1;
            return None;
        }
        if self.callers.len() >= CALLERS {
            let forgotten = self.callers.drain().map(|(_, caller)| caller.suppressed);
            self.lost += forgotten.sum::<u64>();
        }
        let recorded = RecordedCaller {
            recorded: now,
            suppressed: 0,
        };
        let before = self.callers.insert(caller, recorded);
        let suppressed = before.map_or(0, |caller| caller.suppressed);
        Some(suppressed + std::mem::take(&mut self.lost))
    }

    fn take_token(&mut self, now: Timestamp) -> bool {
        let passed = now.duration_since(self.refilled).as_secs() / REFILL.as_secs();
        if passed != 0 {
            let back = u32::try_from(passed).unwrap_or(if passed > 0 { u32::MAX } else { 0 });
            self.tokens = self.tokens.saturating_add(back).min(BURST);
            self.refilled = now;
        }
        let taken = self.tokens.checked_sub(1);
        self.tokens = taken.unwrap_or(0);
        taken.is_some()
    }
}

/// Writes refusals to the audit log, in the background.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    throttle: Mutex<Throttle>,
    queue: Mutex<Option<mpsc::Sender<AuditRow>>>,
    writer: AsyncMutex<Option<JoinHandle<()>>>,
}

impl RefusalLog {
    pub(crate) fn start(metadata: Arc<Metadata>) -> Self {
        let (queue, entries) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(write(metadata, entries));
        Self {
            throttle: Mutex::new(Throttle::new()),
            queue: Mutex::new(Some(queue)),
            writer: AsyncMutex::new(Some(writer)),
        }
    }

    pub(crate) fn note(
        &self,
        actor: &Actor,
        at: Timestamp,
        action: &str,
        target: &str,
        reason: &dyn Display,
    ) {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(suppressed) = throttle.admit(caller(actor), at) else {
            return;
        };
        let mut detail = reason.to_string();
        if suppressed > 0 {
            detail = format!("{detail} ({suppressed} more before this one)");
        }
        let entry = actor.entry(at, &cut(action), cut(target), Outcome::Refused, detail);
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(entry).is_ok());
        if !sent {
            throttle.lost += 1 + suppressed;
        }
    }

    /// Waits until all entries are written. Later refusals are not recorded.
    pub(crate) async fn close(&self) {
        let queue = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(queue);
        if let Some(writer) = self.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the task that records refusals has failed");
        }
    }
}

async fn write(metadata: Arc<Metadata>, mut entries: mpsc::Receiver<AuditRow>) {
    let mut failing = false;
    while let Some(entry) = entries.recv().await {
        let written = write_one(&metadata, &entry).await;
        // On a full disk every entry fails: only the first failure is logged.
        if let Err(error) = &written
            && !failing
        {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, "refusals cannot be recorded");
        }
        failing = written.is_err();
    }
}

async fn write_one(metadata: &Metadata, entry: &AuditRow) -> Result<(), Error> {
    let mut tx = metadata.write().await?;
    tx.insert_audit(entry).await?;
    tx.commit().await
}

fn caller(actor: &Actor) -> String {
    match actor {
        Actor::Operator(name) => name.clone(),
        Actor::Caller {
            fingerprint: Some(fingerprint),
            ..
        } => fingerprint.to_string(),
        Actor::Caller { address, .. } => address.map_or_else(String::new, |it| it.to_string()),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn caller_is_recorded_once_a_minute_with_the_count_of_its_other_refusals() {
        let mut throttle = Throttle::new();
        assert_eq!(throttle.admit("a".into(), at(0)), Some(0));
        for second in 1..50 {
            assert_eq!(throttle.admit("a".into(), at(second)), None);
        }
        assert_eq!(throttle.admit("b".into(), at(50)), Some(0));
        assert_eq!(throttle.admit("a".into(), at(61)), Some(49));
    }

    #[test]
    fn many_callers_together_make_no_more_entries_than_burst_and_refill() {
        let mut throttle = Throttle::new();
        let attack = |throttle: &mut Throttle, second| {
            let admitted = (0..10_000).map(|n| throttle.admit(format!("{second}.{n}"), at(second)));
            admitted.flatten().count()
        };
        assert_eq!(attack(&mut throttle, 0), BURST as usize);
        assert_eq!(attack(&mut throttle, 5), 0);
        assert_eq!(attack(&mut throttle, 3600), BURST as usize);
        let lost = throttle.admit("later".into(), at(7200));
        assert_eq!(lost, Some(10_000 - u64::from(BURST)));
    }

    #[test]
    fn clock_that_is_set_back_does_not_suppress_entries_for_long() {
        let mut throttle = Throttle::new();
        assert_eq!(throttle.admit("a".into(), at(0)), Some(0));
        assert_eq!(throttle.admit("a".into(), at(30)), None);
        assert_eq!(throttle.admit("a".into(), at(-100_000)), Some(1));
        assert_eq!(throttle.admit("a".into(), at(-99_970)), None);
        assert_eq!(throttle.admit("a".into(), at(-99_900)), Some(1));
    }
}
