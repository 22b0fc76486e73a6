//! What is measured each time.

use crate::usage::Usage;

/// What one round of one side gives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// The figure, in the unit of the row.
    pub(crate) value: f64,
    /// What its processes used for it.
    pub(crate) usage: Vec<Usage>,
}
