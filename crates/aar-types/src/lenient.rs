//! Reading what programs in other languages write for nothing: `null` for an empty list or map, and
//! numbers below zero for "not set".

use serde::{Deserialize, Deserializer};

/// Reads `null` as the empty value.
pub fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a number below zero as none.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<i64>::deserialize(deserializer)?;
    let count = number.filter(|number| *number >= 0).map(u32::try_from);
    count.transpose().map_err(serde::de::Error::custom)
}
