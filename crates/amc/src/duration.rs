//! Lengths of time as they are typed: `90s`, `5m`, `1h30m`.

use std::time::Duration;

const EXPECTED: &str = "not a length of time such as 90s, 5m or 1h30m";

/// Reads a length of time. It has at least one number, and each has a unit.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (part, after) = first_part(rest).ok_or(EXPECTED)?;
        total = total.checked_add(part).ok_or(EXPECTED)?;
        rest = after;
    }
    if text.is_empty() {
        Err(EXPECTED)
    } else {
        Ok(total)
    }
}

fn first_part(text: &str) -> Option<(Duration, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_number(c))?);
    let is_unit = |c: char| c.is_ascii_alphabetic() || c == 'µ';
    let (unit, rest) = rest.split_at(rest.find(|c| !is_unit(c)).unwrap_or(rest.len()));
    let number: f64 = number.parse().ok()?;
    let part = Duration::try_from_secs_f64(number * seconds_in(unit)?).ok()?;
    Some((part, rest))
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        assert_eq!(parse("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("1.5s250ms"), Ok(Duration::from_millis(1750)));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "5", "m", "5 m", "-5m", "5x", "1..2s", "1e999h"] {
            assert!(parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
