use crate::usage::Usage;

/// The measurement of one contender in one round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// In the unit of the comparison.
    pub(crate) value: f64,
    pub(crate) usage: Vec<Usage>,
}
