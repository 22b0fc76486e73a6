use std::time::Duration;

use jiff::SignedDuration;

use crate::InvalidValue;

/// Parses a duration in the format of Go, such as `90s`, `5m`, `1.5h` or `1h30m`: one or more
/// amounts with a unit, without spaces.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidValue> {
    let go = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let signed = text
        .parse::<SignedDuration>()
        .ok()
        .filter(|_| go && !text.starts_with('P'));
    let duration = signed.and_then(|signed| signed.try_into().ok());
    duration.ok_or_else(|| InvalidValue::new(text, "a duration such as 90s, 5m or 1h30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_in_go_format_is_parsed() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("300ms", 300),
            ("90s", 90_000),
            ("1.5m", 90_000),
            ("1m30s", 90_000),
            ("1h0m0s", 3_600_000),
            ("2h45m30.5s", 9_930_500),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn duration_in_another_format_is_refused() {
        let huge = "99999999999999999999h";
        for bad in [
            "", "5", "m", "5 m", "-5m", "+5m", "5x", "1d", "1..5m", "5m3", "PT1H", huge,
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
