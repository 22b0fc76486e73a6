//! How much to measure, and the order of the measurements.

use crate::{
    result::{Comparison, Series},
    sample::Sample,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether the values are too coarse for comparisons.
    pub(crate) quick: bool,
    /// Rounds after the warm-up.
    pub(crate) rounds: usize,
    /// The size of a large image, in bytes.
    pub(crate) image: u64,
    /// The versions in a large catalogue.
    pub(crate) versions: usize,
    /// The small requests of a round.
    pub(crate) requests: usize,
    /// The connections that wait for changes.
    pub(crate) waiting: usize,
}

impl Plan {
    pub(crate) fn full() -> Self {
        Self {
            quick: false,
            rounds: 5,
            image: 1 << 30,
            versions: 100_000,
            requests: 60_000,
            waiting: 1000,
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            quick: true,
            rounds: 2,
            image: 64 << 20,
            versions: 1000,
            requests: 2000,
            waiting: 100,
        }
    }
}

/// A name, and what it does in each round.
pub(crate) type Contender<'a> = (&'static str, Box<dyn FnMut() -> Sample + 'a>);

/// Runs a warm-up round, and then the counted rounds. `aar` is the first contender.
pub(crate) fn measure_in_turns(
    plan: &Plan,
    mut comparison: Comparison,
    mut contenders: Vec<Contender<'_>>,
) -> Comparison {
    let names = contenders.iter().map(|(name, _)| Series::new(name));
    let mut all: Vec<_> = names.collect();
    for round in 0..=plan.rounds {
        for ((_, measure), series) in contenders.iter_mut().zip(&mut all) {
            let sample = measure();
            if round > 0 {
                series.samples.push(sample);
            }
        }
    }
    comparison.series = all;
    comparison
}
