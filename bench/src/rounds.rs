//! Sides that take turns.

use crate::{
    row::{Row, Side},
    sample::Sample,
};

/// How thoroughly to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether figures are not the point.
    pub(crate) quick: bool,
    /// Counted rounds of each side.
    pub(crate) rounds: usize,
    /// The size of a large image.
    pub(crate) image: u64,
    /// The versions in a large catalogue.
    pub(crate) versions: usize,
    /// The requests in a round of small ones.
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

/// Somebody who takes part: a name, and what is done in each round.
pub(crate) type Turn<'a> = (&'static str, Box<dyn FnMut() -> Sample + 'a>);

/// Lets every side warm up, then all of them take their turns. The first one is ours.
pub(crate) fn in_turn(plan: &Plan, mut row: Row, mut turns: Vec<Turn<'_>>) -> Row {
    let mut sides: Vec<_> = turns.iter().map(|(name, _)| Side::new(name)).collect();
    for round in 0..=plan.rounds {
        for ((_, turn), side) in turns.iter_mut().zip(&mut sides) {
            let sample = turn();
            if round > 0 {
                side.samples.push(sample);
            }
        }
    }
    row.sides = sides;
    row
}
