//! Rounds of tests with random input or random failures.
//!
//! `cargo xtask soak` says for how long the rounds go on and with which seed they begin
//! (`AAR_TEST_SOAK_SECONDS`, `AAR_TEST_SOAK_SEED`). Without it a test runs a few rounds with the same
//! seeds each time.

use std::{
    env,
    io::Write,
    time::{Duration, Instant},
};

/// One round of a test. Where it fails, standard error says how to repeat it.
#[derive(Debug)]
pub struct SoakRound {
    seed: u64,
    state: u64,
}

/// The rounds of a test: `few` of them, or as many as the time of `cargo xtask soak` allows, at least
/// one.
pub fn soak_rounds(few: u64) -> impl Iterator<Item = SoakRound> {
    let variable = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap());
    let time = variable("AAR_TEST_SOAK_SECONDS").map(Duration::from_secs);
    let first = variable("AAR_TEST_SOAK_SEED").unwrap_or(1);
    let start = Instant::now();
    (0..)
        .take_while(move |round| match time {
            None => *round < few,
            Some(time) => *round == 0 || start.elapsed() < time,
        })
        .map(move |round| SoakRound::new(first + round))
}

impl SoakRound {
    fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The seed, which differs from round to round.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The next random number below the limit (`SplitMix64`).
    pub fn random_below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

impl Drop for SoakRound {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let line = format!(
                "The round with seed {0} failed. Repeat it: cargo xtask soak --minutes 1 --seed {0}\n",
                self.seed
            );
            // A panic here would hide the first one.
            let _unwritten = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soak_round_with_one_seed_has_the_same_numbers_each_time() {
        let numbers = |seed| {
            let mut round = SoakRound::new(seed);
            [(); 3].map(|()| round.random_below(1000))
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert!(numbers(7).iter().all(|number| *number < 1000));
    }
}
