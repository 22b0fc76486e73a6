use std::{fmt, str::FromStr, time::Duration};

use aar_types::parse_duration;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

macro_rules! duration_type {
    ($(#[$doc:meta])* $name:ident, $is_valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Duration);

        impl $name {
            pub const fn get(self) -> Duration {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let is_valid: fn(&Duration) -> bool = $is_valid;
                let duration = parse_duration(text).ok().filter(is_valid).map(Self);
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
            fn from(duration: $name) -> Self {
                duration.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match SignedDuration::try_from(self.0) {
                    // Without spaces, as in the configuration file.
                    Ok(duration) => f.write_str(&format!("{duration:#}").replace(' ', "")),
                    Err(_) => write!(f, "{}s", self.0.as_secs()),
                }
            }
        }
    };
}

duration_type! {
    /// A duration, written like `90s`, `5m` or `1h30m`; `0s` is allowed.
    ConfigDuration, |_| true, "a duration (such as 0s, 90s, 5m or 1h30m)"
}

duration_type! {
    /// A duration above zero, written like `90s`, `5m` or `1h30m`.
    NonZeroDuration, |duration| !duration.is_zero(), "a duration above zero (such as 90s, 5m or 1h30m)"
}

impl ConfigDuration {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl NonZeroDuration {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

duration_type! {
    /// The time to live of a signed URL, which counts whole seconds: at least one, written like `90s`.
    UrlTtl, |duration| duration.as_secs() > 0, "a duration of at least one second (such as 90s, 5m or 1h30m)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_the_form_of_go() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("1h0m0s", 3600)] {
            assert_eq!(text.parse(), Ok(ConfigDuration::seconds(seconds)));
            assert_eq!(text.parse(), Ok(NonZeroDuration::seconds(seconds)));
        }
    }

    #[test]
    fn written_duration_is_read_back() {
        for text in ["0s", "90s", "24h", "1s500ms"] {
            let duration: ConfigDuration = text.parse().unwrap();
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }

    #[test]
    fn negative_and_unitless_durations_are_refused_and_zero_if_it_is_invalid() {
        for bad in ["-5m", "5", "", "soon"] {
            assert!(
                bad.parse::<ConfigDuration>().is_err(),
                "{bad:?} was accepted"
            );
            assert!(
                bad.parse::<NonZeroDuration>().is_err(),
                "{bad:?} was accepted"
            );
        }
        assert!("0s".parse::<ConfigDuration>().is_ok());
        assert!("0s".parse::<NonZeroDuration>().is_err());
    }

    #[test]
    fn ttl_is_at_least_one_second() {
        for bad in ["500ms", "999ms", "0s"] {
            assert!(bad.parse::<UrlTtl>().is_err(), "{bad:?} was accepted");
        }
        for good in ["1s", "1500ms", "1m"] {
            assert!(good.parse::<UrlTtl>().is_ok(), "{good:?} was refused");
        }
    }
}
