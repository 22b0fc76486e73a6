use std::{fmt, str::FromStr, time::Duration};

use aar_types::parse_duration;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

macro_rules! span_type {
    ($(#[$doc:meta])* $name:ident, $good:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Duration);

        impl $name {
            /// The length of time.
            pub const fn get(self) -> Duration {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let good: fn(&Duration) -> bool = $good;
                let duration = parse_duration(text).ok().filter(good).map(Self);
                duration.ok_or_else(|| format!("{text:?} is not {}", $expected))
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(span: $name) -> Self {
                span.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match SignedDuration::try_from(self.0) {
                    // The parts without blanks between them, as they are read.
                    Ok(duration) => f.write_str(&format!("{duration:#}").replace(' ', "")),
                    Err(_) => write!(f, "{}s", self.0.as_secs()),
                }
            }
        }
    };
}

span_type! {
    /// A length of time, written like `90s`, `5m` or `1h30m`. It may be none: `0s`.
    Span, |_| true, "a duration (such as 0s, 90s, 5m or 1h30m)"
}

span_type! {
    /// A length of time above zero, written like `90s`, `5m` or `1h30m`.
    Period, |duration| !duration.is_zero(), "a duration above zero (such as 90s, 5m or 1h30m)"
}

impl Span {
    /// So many seconds.
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl Period {
    /// So many seconds.
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

span_type! {
    /// The life of a signed address, which counts whole seconds: one at least, written like `90s`.
    Life, |duration| duration.as_secs() > 0, "a duration of a second at least (such as 90s, 5m or 1h30m)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("1h0m0s", 3600)] {
            assert_eq!(text.parse(), Ok(Span::seconds(seconds)));
            assert_eq!(text.parse(), Ok(Period::seconds(seconds)));
        }
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        for text in ["0s", "90s", "24h", "1s500ms"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn negative_and_unitless_durations_are_refused_and_zero_where_it_makes_no_sense() {
        for bad in ["-5m", "5", "", "soon"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?} was accepted");
            assert!(bad.parse::<Period>().is_err(), "{bad:?} was accepted");
        }
        assert!("0s".parse::<Span>().is_ok());
        assert!("0s".parse::<Period>().is_err());
    }

    #[test]
    fn an_address_lives_a_second_at_least() {
        for bad in ["500ms", "999ms", "0s"] {
            assert!(bad.parse::<Life>().is_err(), "{bad:?} was accepted");
        }
        for good in ["1s", "1500ms", "1m"] {
            assert!(good.parse::<Life>().is_ok(), "{good:?} was refused");
        }
    }
}
