//! The types of configuration values: how they are parsed, and what is allowed.

use std::time::Duration;

use aar_types::{Fingerprint, parse_duration};
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    Flag,
    Count,
    List,
    Duration,
    Mode,
    Abi,
    Fingerprint,
    RegistryUrl,
    /// Of a proxy or load balancer.
    WebUrl,
    Text,
    /// Any text, which is never shown.
    Secret,
    /// Shown only.
    ReadOnly,
    /// No value: clients know the item, but it has no effect here.
    Unsupported,
}

const ABIS: &[&str] = &["arm64-v8a", "armeabi-v7a", "x86", "x86_64"];

impl ValueType {
    /// The allowed values, to follow the words "it takes".
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Count => "a whole number from 1 to 1000000",
            Self::List => "words separated by commas",
            Self::Duration => "a duration from 1s, such as 5m or 1h30m",
            Self::Mode => "pull, push or manual",
            Self::Abi => "arm64-v8a, armeabi-v7a, x86 or x86_64",
            Self::Fingerprint => "the fingerprint of a certificate: 64 hexadecimal digits",
            Self::RegistryUrl => "an https address such as https://192.168.178.45:3000",
            Self::WebUrl => "an http or https address; a password in it is shown as ***",
            Self::Text | Self::Secret => "any text",
            Self::ReadOnly => "nothing",
            Self::Unsupported => "nothing: use the log (`logger.level`) and the metrics instead",
        }
    }

    /// The stored form of a valid value.
    pub(super) fn parse(self, value: &str) -> Option<String> {
        match self {
            Self::Flag => parse_flag(value).map(|flag| flag.to_string()),
            Self::Count => count(value).map(|count| count.to_string()),
            Self::List => Some(parse_list(value).join(",")),
            Self::Duration => duration(value).map(|_| value.to_owned()),
            Self::Mode => one_of(value, &["pull", "push", "manual"]),
            Self::Abi => one_of(value, ABIS),
            Self::Fingerprint => Fingerprint::from_pasted(value).ok().map(|f| f.to_string()),
            Self::RegistryUrl => url(value, &["https"]),
            Self::WebUrl => url(value, &["http", "https"]),
            Self::Text | Self::Secret => Some(value.to_owned()),
            Self::ReadOnly | Self::Unsupported => None,
        }
    }
}

/// A boolean in the forms that existing clients send.
pub(crate) fn parse_flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn count(value: &str) -> Option<u32> {
    let count = value.parse().ok()?;
    (1..=1_000_000).contains(&count).then_some(count)
}

/// The words of a comma-separated list, without empty ones.
pub(crate) fn parse_list(value: &str) -> Vec<String> {
    let words = value.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A duration in the range that the agent supports.
pub(super) fn duration(value: &str) -> Option<Duration> {
    let range = Duration::from_secs(1)..=Duration::from_hours(366 * 24);
    parse_duration(value)
        .ok()
        .filter(|duration| range.contains(duration))
}

fn one_of(value: &str, allowed: &[&str]) -> Option<String> {
    allowed.contains(&value).then(|| value.to_owned())
}

/// A URL without query and fragment; credentials are allowed for proxies only. An `@` in the path
/// belongs to a password with a character that ends the host.
fn url(value: &str, schemes: &[&str]) -> Option<String> {
    let url: Url = value.parse().ok()?;
    let good = schemes.contains(&url.scheme())
        && url.host().is_some()
        && url.query().is_none()
        && url.fragment().is_none()
        && !url.path().contains('@')
        && (schemes.len() > 1 || (url.username().is_empty() && url.password().is_none()));
    good.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_parsed_as_in_go() {
        for (text, seconds) in [
            ("5m", 300),
            ("1h30m", 5400),
            ("1.5h", 5400),
            ("90s", 90),
            ("1h0m0s", 3600),
            ("2000ms", 2),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs()), Some(seconds), "{text}");
        }
        for bad in ["", "5", "1x", "-5m", "0s", "1d", "10ms", "m"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
