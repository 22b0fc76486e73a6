//! Enrolment with the trust password: a caller that knows it adds a certificate without being trusted.
//!
//! To prevent guessing, a wrong password locks the address of the caller, twice as long each time. An
//! attempt counts as wrong until its password has proved correct, so attempts cannot run concurrently.
//! The table of addresses is bounded; while it is full, only addresses in it may try.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aar_tls::Origin;
use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};

pub(crate) const MAX_ADDRESSES: usize = 4096;
pub(crate) const MAX_LOCK: SignedDuration = SignedDuration::from_mins(5);
/// The time after the last attempt until an address is forgotten.
const RETENTION: SignedDuration = SignedDuration::from_mins(30);

#[derive(Debug, Clone, Copy)]
struct FailedAttempts {
    count: u32,
    last: Timestamp,
}

impl FailedAttempts {
    fn locked_until(self) -> Timestamp {
        let doublings = self.count.saturating_sub(1).min(16);
        let lock = SignedDuration::from_secs(1 << doublings).min(MAX_LOCK);
        self.last.saturating_add(lock).unwrap_or(Timestamp::MAX)
    }

    fn is_forgotten(self, now: Timestamp) -> bool {
        self.forgotten_at() <= now
    }

    fn forgotten_at(self) -> Timestamp {
        self.last
            .saturating_add(RETENTION)
            .unwrap_or(Timestamp::MAX)
    }
}

#[derive(Debug)]
pub(super) struct EnrolmentLimiter {
    clock: Clock,
    failures: Mutex<HashMap<Origin, FailedAttempts>>,
}

impl EnrolmentLimiter {
    pub(super) fn new(clock: Clock) -> Self {
        let failures = Mutex::default();
        Self { clock, failures }
    }

    /// Admits an attempt from `address`, or returns the time to wait. The attempt counts as wrong until
    /// [`succeeded`](Self::succeeded) is called.
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), SignedDuration> {
        let now = self.clock.now();
        let address = Origin::from(address);
        let mut failures = self.failures();
        for failed in failures.values_mut() {
            // The clock was ahead.
            failed.last = failed.last.min(now);
        }
        failures.retain(|_, failed| !failed.is_forgotten(now));
        let before = failures.get(&address).copied();
        let locked_until = match before {
            Some(failed) => Some(failed.locked_until()),
            None if failures.len() >= MAX_ADDRESSES => next_capacity(&failures),
            None => None,
        };
        if let Some(until) = locked_until.filter(|until| now < *until) {
            return Err(until.duration_since(now));
        }
        let count = before.map_or(0, |failed| failed.count).saturating_add(1);
        failures.insert(address, FailedAttempts { count, last: now });
        Ok(())
    }

    /// The password of the last admitted attempt from `address` is correct.
    pub(super) fn succeeded(&self, address: IpAddr) {
        self.failures().remove(&address.into());
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Origin, FailedAttempts>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the first address is forgotten.
fn next_capacity(failures: &HashMap<Origin, FailedAttempts>) -> Option<Timestamp> {
    let forgotten = failures.values().map(|failed| failed.forgotten_at());
    forgotten.min()
}

#[cfg(test)]
mod tests {
    use aar_types::ManualClock;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn enrolment() -> (EnrolmentLimiter, ManualClock) {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        (EnrolmentLimiter::new(clock.clone().into()), clock)
    }

    #[test]
    fn attempts_lock_their_address_twice_as_long_until_one_succeeds() {
        let (enrolment, clock) = enrolment();
        let address = ip("10.0.0.1");
        for lock in [1, 2, 4, 8] {
            assert!(enrolment.admit(address).is_ok());
            clock.advance(SignedDuration::from_millis(lock * 1000 - 1));
            assert!(enrolment.admit(address).is_err());
            clock.advance(SignedDuration::from_millis(1));
        }
        assert!(enrolment.admit(ip("10.0.0.2")).is_ok());
        assert!(enrolment.admit(address).is_ok());
        enrolment.succeeded(address);
        assert!(enrolment.admit(address).is_ok());
    }

    #[test]
    fn locked_address_is_given_the_time_to_wait() {
        let (enrolment, clock) = enrolment();
        let address = ip("10.0.0.1");
        assert_eq!(enrolment.admit(address), Ok(()));
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(enrolment.admit(address), Ok(()));
        clock.advance(SignedDuration::from_millis(500));
        let wait = SignedDuration::from_millis(1500);
        assert_eq!(enrolment.admit(address), Err(wait));
    }

    #[test]
    fn lock_is_never_longer_than_the_maximum() {
        let (enrolment, clock) = enrolment();
        for _ in 0..200 {
            assert!(enrolment.admit(ip("10.0.0.1")).is_ok());
            clock.advance(MAX_LOCK);
        }
    }

    #[test]
    fn addresses_of_an_ipv6_network_count_as_one() {
        let (enrolment, _) = enrolment();
        assert!(enrolment.admit(ip("2001:db8::1")).is_ok());
        assert!(enrolment.admit(ip("2001:db8::2")).is_err());
        assert!(enrolment.admit(ip("2001:db8:0:1::2")).is_ok());
    }

    #[test]
    fn table_of_addresses_is_bounded_and_empties_over_time() {
        let (enrolment, clock) = enrolment();
        for number in 0..MAX_ADDRESSES {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            assert!(enrolment.admit(address).is_ok());
        }
        assert!(enrolment.admit(ip("10.0.0.1")).is_err());
        clock.advance(RETENTION + SignedDuration::from_secs(1));
        assert!(enrolment.admit(ip("10.0.0.1")).is_ok());
    }
}
