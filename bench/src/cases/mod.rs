//! The cases, one in each file.

mod bucket;
mod connect;
mod create;
mod download;
mod poll;
mod propagation;
mod pull;
mod push;
mod read;
mod waiting;

use crate::{plan::Plan, result::Comparison};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Plan) -> Vec<Comparison>,
}

pub(crate) const CASES: &[Case] = &[
    download::CASE,
    pull::CASE,
    push::CASE,
    create::CASE,
    poll::CASE,
    connect::CASE,
    read::CASE,
    propagation::CASE,
    waiting::CASE,
    bucket::CASE,
];

/// Megabytes per second.
#[expect(clippy::cast_precision_loss, reason = "sizes are below 2^52")]
pub(crate) fn megabytes(bytes: u64, wall: std::time::Duration) -> f64 {
    bytes as f64 / 1e6 / wall.as_secs_f64()
}
