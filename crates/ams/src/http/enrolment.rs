//! Enrolment with the trust password: who knows it may add a certificate without being trusted.
//!
//! Passwords invite guessing. Every attempt counts as a wrong one until the password has proved
//! right, so guesses cannot run beside each other, and every wrong one locks the address that it
//! came from, twice as long each time. The table of addresses is bounded; while it is full, only
//! addresses that are in it may try.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};

const MAX_ADDRESSES: usize = 4096;
const MAX_LOCK: SignedDuration = SignedDuration::from_mins(5);
/// After this time without an attempt an address is forgotten.
const MEMORY: SignedDuration = SignedDuration::from_mins(30);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    fn locked_until(self) -> Timestamp {
        let doublings = self.count.saturating_sub(1).min(16);
        let lock = SignedDuration::from_secs(1 << doublings).min(MAX_LOCK);
        self.last.saturating_add(lock).unwrap_or(Timestamp::MAX)
    }

    fn is_forgotten(self, now: Timestamp) -> bool {
        self.forgotten_at() <= now
    }

    fn forgotten_at(self) -> Timestamp {
        self.last.saturating_add(MEMORY).unwrap_or(Timestamp::MAX)
    }
}

/// Remembers the wrong attempts.
#[derive(Debug)]
pub(super) struct Enrolment {
    clock: Clock,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

impl Enrolment {
    /// Nobody has tried yet.
    pub(super) fn new(clock: Clock) -> Self {
        let failures = Mutex::default();
        Self { clock, failures }
    }

    /// Whether a password that comes from `address` may be looked at now, or else how long that
    /// has to wait. It counts as wrong until [`succeeded`](Self::succeeded) says otherwise.
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), SignedDuration> {
        let now = self.clock.now();
        let address = network(address);
        let mut failures = self.failures();
        failures.retain(|_, failed| !failed.is_forgotten(now));
        let before = failures.get(&address).copied();
        let locked_until = match before {
            Some(failed) => Some(failed.locked_until()),
            None if failures.len() >= MAX_ADDRESSES => room_at(&failures),
            None => None,
        };
        if let Some(until) = locked_until.filter(|until| now < *until) {
            return Err(until.duration_since(now));
        }
        let count = before.map_or(0, |failed| failed.count).saturating_add(1);
        failures.insert(address, Failures { count, last: now });
        Ok(())
    }

    /// The password that was admitted last from `address` is right.
    pub(super) fn succeeded(&self, address: IpAddr) {
        self.failures().remove(&network(address));
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the first of the addresses is forgotten.
fn room_at(failures: &HashMap<IpAddr, Failures>) -> Option<Timestamp> {
    let forgotten = failures.values().map(|failed| failed.forgotten_at());
    forgotten.min()
}

/// Whoever has one IPv6 address commonly has the 2^64 around it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use aar_types::ManualClock;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn enrolment() -> (Enrolment, ManualClock) {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        (Enrolment::new(clock.clone().into()), clock)
    }

    #[test]
    fn each_attempt_locks_its_address_for_longer_until_one_is_right() {
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
    fn whoever_is_locked_out_hears_for_how_long() {
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
    fn no_lock_is_longer_than_the_longest() {
        let (enrolment, clock) = enrolment();
        for _ in 0..200 {
            assert!(enrolment.admit(ip("10.0.0.1")).is_ok());
            clock.advance(MAX_LOCK);
        }
    }

    #[test]
    fn neighbours_in_an_ipv6_network_are_one_address() {
        let (enrolment, _) = enrolment();
        assert!(enrolment.admit(ip("2001:db8::1")).is_ok());
        assert!(enrolment.admit(ip("2001:db8::2")).is_err());
        assert!(enrolment.admit(ip("2001:db8:0:1::2")).is_ok());
    }

    #[test]
    fn the_table_of_addresses_is_bounded_and_empties_with_time() {
        let (enrolment, clock) = enrolment();
        for number in 0..MAX_ADDRESSES {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            assert!(enrolment.admit(address).is_ok());
        }
        assert!(enrolment.admit(ip("10.0.0.1")).is_err());
        clock.advance(MEMORY + SignedDuration::from_secs(1));
        assert!(enrolment.admit(ip("10.0.0.1")).is_ok());
    }
}
