//! Converts values between domain and database.

use std::str::FromStr;

use aar_types::Clock;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

/// The current time, with the precision of the database, so that a response, a descriptor and a later read
/// show the same time.
pub(crate) fn now(clock: &Clock) -> Timestamp {
    let now = clock.now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// The database stores microseconds.
pub(super) fn micros(moment: Timestamp) -> i64 {
    // `Timestamp::MAX`, the end of certificates without one, has a fraction that cannot be read back.
    moment
        .as_microsecond()
        .min(Timestamp::MAX.as_second() * 1_000_000)
}

pub(super) fn moment(column: &str, micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros).map_err(|source| damaged(column, source))
}

/// Sizes and counts beyond the range of the database do not occur: no file is that large.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(column: &str, value: i64) -> Result<u64, Error> {
    u64::try_from(value).map_err(|source| damaged(column, source))
}

pub(super) fn parsed<T>(column: &str, text: &str) -> Result<T, Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse()
        .map_err(|source: T::Err| damaged(column, source))
}

pub(super) fn json<T: Serialize>(column: &str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| damaged(column, source))
}

pub(super) fn from_json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| damaged(column, source))
}

/// The name that serde gives to a variant of an enum.
pub(super) fn name_of<T: Serialize>(column: &str, value: &T) -> Result<String, Error> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(other) => Err(damaged(column, NotAName(other.to_string()))),
        Err(source) => Err(damaged(column, source)),
    }
}

pub(super) fn from_name<T: DeserializeOwned>(column: &str, name: String) -> Result<T, Error> {
    let value = serde_json::Value::String(name);
    serde_json::from_value(value).map_err(|source| damaged(column, source))
}

pub(super) fn damaged(
    column: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::Damaged {
        place: format!("the column {column}"),
        source: source.into(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not a name")]
struct NotAName(String);

/// Placeholders for a list of values that follow `before` others: `$3, $4, $5`.
pub(super) fn placeholders(before: usize, count: usize) -> String {
    let numbers = before + 1..=before + count;
    let texts: Vec<_> = numbers.map(|number| format!("${number}")).collect();
    texts.join(", ")
}
