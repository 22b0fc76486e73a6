//! Deserialising what programs in other languages write for absent values: `null` for an empty list
//! or map, and a negative number for "not set".

use serde::{Deserialize, Deserializer};

/// Deserialises `null` as the empty value.
pub fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Deserialises a negative number as none.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<i64>::deserialize(deserializer)?;
    let count = number.filter(|number| *number >= 0).map(u32::try_from);
    count.transpose().map_err(serde::de::Error::custom)
}
