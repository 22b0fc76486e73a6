//! Recording refusals without letting those who are refused fill the disk.
//!
//! Whoever is turned away is recorded once in a while, with the number of times it happened since;
//! and all of them together cannot make more than a fixed number of entries an hour. What is not
//! recorded is counted, and the next entry tells the count.

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
    Error, Outcome, Registry,
    audit::Actor,
    metadata::{AuditRow, Metadata},
};

/// How long the same caller is only counted after an entry.
const QUIET: SignedDuration = SignedDuration::from_mins(1);
/// How many entries all callers together can make at once, and how long each takes to come back.
const BURST: u32 = 120;
const REFILL: SignedDuration = SignedDuration::from_secs(10);
/// How many callers are remembered. Beyond that they are forgotten together.
const CALLERS: usize = 4096;
/// Entries that wait to be written. It is not reached before the burst is.
const QUEUE: usize = 2 * BURST as usize;
/// Longer texts are cut: what is asked for is in the hands of those who ask.
const TEXT: usize = 200;

/// What a caller is known by: the certificate where there is one, else the address.
type Key = String;

/// Decides which refusals are recorded.
#[derive(Debug)]
struct Throttle {
    callers: HashMap<Key, Caller>,
    tokens: u32,
    refilled: Timestamp,
    /// Refusals that nobody has been told of, beside those counted by caller.
    lost: u64,
}

#[derive(Debug)]
struct Caller {
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

    /// Whether a refusal is recorded, and how many before it were not. An entry that is far from now
    /// is old either way: where the clock was set back it seems to lie ahead.
    fn admit(&mut self, key: Key, now: Timestamp) -> Option<u64> {
        if let Some(caller) = self.callers.get_mut(&key)
            && now.duration_since(caller.recorded).abs() < QUIET
        {
            caller.suppressed += 1;
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
        let recorded = Caller {
            recorded: now,
            suppressed: 0,
        };
        let before = self.callers.insert(key, recorded);
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

/// Writes refusals into the audit log, in the background.
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

    fn note(&self, key: Key, mut entry: AuditRow) {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(suppressed) = throttle.admit(key, entry.at) else {
            return;
        };
        if suppressed > 0 {
            entry.detail = format!("{} ({suppressed} more before this one)", entry.detail);
        }
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(entry).is_ok());
        if !sent {
            throttle.lost += 1 + suppressed;
        }
    }

    /// Waits until everything is written. Nothing is taken after that.
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
            tracing::error!(%error, "the writer of refusals has failed");
        }
    }
}

async fn write(metadata: Arc<Metadata>, mut entries: mpsc::Receiver<AuditRow>) {
    let mut failing = false;
    while let Some(entry) = entries.recv().await {
        let written = write_one(&metadata, &entry).await;
        // A full disk fails them all: that is said once, until there is room again.
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

impl Registry {
    /// Records that somebody was not let to do something, unless there has been too much of that.
    pub(crate) fn note_refusal(
        &self,
        actor: &Actor,
        action: &str,
        target: &str,
        reason: &dyn Display,
    ) {
        let outcome = Outcome::Refused;
        let entry = actor.entry(
            self.now(),
            &cut(action),
            cut(target),
            outcome,
            reason.to_string(),
        );
        self.inner.refusals.note(key(actor), entry);
    }
}

fn key(actor: &Actor) -> Key {
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
    fn the_same_caller_is_recorded_once_in_a_while_with_the_count_of_the_rest() {
        let mut throttle = Throttle::new();
        assert_eq!(throttle.admit("a".into(), at(0)), Some(0));
        for second in 1..50 {
            assert_eq!(throttle.admit("a".into(), at(second)), None);
        }
        assert_eq!(throttle.admit("b".into(), at(50)), Some(0));
        assert_eq!(throttle.admit("a".into(), at(61)), Some(49));
    }

    #[test]
    fn many_callers_together_cannot_make_more_than_the_burst_and_its_refill() {
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
    fn a_clock_that_is_set_back_silences_nobody_for_long() {
        let mut throttle = Throttle::new();
        assert_eq!(throttle.admit("a".into(), at(0)), Some(0));
        assert_eq!(throttle.admit("a".into(), at(30)), None);
        assert_eq!(throttle.admit("a".into(), at(-100_000)), Some(1));
        assert_eq!(throttle.admit("a".into(), at(-99_970)), None);
        assert_eq!(throttle.admit("a".into(), at(-99_900)), Some(1));
    }
}
