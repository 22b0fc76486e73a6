use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// How often, and after how long, something that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many failures in a row are forgiven. A transfer that gets on begins to count anew.
    pub failures: u32,
    /// The wait after the first failure; it doubles with each.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(20),
        }
    }
}

/// Counts failures in a row and says how long to wait after each.
#[derive(Debug, Clone)]
pub struct Backoff {
    policy: RetryPolicy,
    failures: u32,
}

impl Backoff {
    /// No failure yet.
    pub fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
        }
    }

    /// The wait after one more failure; `None` when there were too many.
    pub fn next(&mut self, jitter: &mut Jitter) -> Option<Duration> {
        if self.failures >= self.policy.failures {
            return None;
        }
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures += 1;
        let wait = self.policy.first.saturating_mul(factor);
        Some(jitter.upper_half(wait.min(self.policy.longest)))
    }

    /// It went well: the next failure is the first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A small source of randomness that keeps many clients from doing the same at the same moment.
/// It is not for secrets. The same seed gives the same sequence.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// The sequence of the seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for each call.
    pub fn from_entropy() -> Self {
        Self(RandomState::new().hash_one("jitter"))
    }

    /// A sequence of its own, for another task.
    #[must_use]
    pub fn split(&mut self) -> Self {
        self.unit();
        Self(self.0.rotate_left(32))
    }

    /// Somewhere between 90 % and 110 % of a duration.
    pub fn around(&mut self, duration: Duration) -> Duration {
        duration.mul_f64(0.9 + 0.2 * self.unit())
    }

    /// Somewhere between half of a duration and all of it.
    pub fn upper_half(&mut self, duration: Duration) -> Duration {
        duration.mul_f64(0.5 + 0.5 * self.unit())
    }

    /// A number in `0.0..1.0`, from the 32 upper bits of splitmix64.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let upper = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let policy = RetryPolicy {
            failures: 6,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
        };
        let mut backoff = Backoff::new(policy);
        let mut jitter = Jitter::seeded(7);
        for most in [1, 2, 4, 5, 5, 5] {
            let most = Duration::from_secs(most);
            let wait = backoff.next(&mut jitter).unwrap();
            assert!(wait >= most / 2 && wait <= most, "{wait:?} of {most:?}");
        }
        assert_eq!(backoff.next(&mut jitter), None);
        backoff.reset();
        assert!(backoff.next(&mut jitter).unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn jitter_stays_in_bounds_and_spreads() {
        let mut jitter = Jitter::seeded(1);
        let hour = Duration::from_hours(1);
        let waits: Vec<_> = (0..1000).map(|_| jitter.around(hour)).collect();
        assert!(waits.iter().all(|w| (3240..=3960).contains(&w.as_secs())));
        let early = waits.iter().filter(|w| **w < hour).count();
        assert!((400..600).contains(&early), "{early} of 1000 are early");
    }

    #[test]
    fn two_sequences_differ_unless_seeded_alike() {
        let hour = Duration::from_hours(1);
        let first = |mut jitter: Jitter| jitter.around(hour);
        assert_eq!(first(Jitter::seeded(3)), first(Jitter::seeded(3)));
        assert_ne!(first(Jitter::from_entropy()), first(Jitter::from_entropy()));
    }
}
