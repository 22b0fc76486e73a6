//! The table of configuration items: name, kind, default, and with the kind what is allowed.

use std::time::Duration;

use aar_types::{Fingerprint, parse_duration};
use ams_api::config_items as names;
use serde_json::Value;
use url::Url;

use super::masked::{is_masked, masked};
use crate::Error;

/// A configuration item.
#[derive(Debug)]
pub struct Item {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its value while none is set.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// What an item takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number from 1.
    Count,
    /// Words, separated by commas.
    List,
    /// A duration as Go writes it.
    Duration,
    /// `pull`, `push` or `manual`.
    Mode,
    /// An Android ABI.
    Abi,
    /// The fingerprint of a certificate.
    Fingerprint,
    /// The address of a registry.
    RegistryUrl,
    /// The address of a proxy or load balancer.
    WebUrl,
    /// Anything; it is never shown.
    Secret,
    /// Nothing: it is told, not set.
    ReadOnly,
    /// Nothing: it is there because clients know it.
    Nothing,
}

const ABIS: &[&str] = &["arm64-v8a", "armeabi-v7a", "x86", "x86_64"];

/// Every item, ordered by name.
pub const ITEMS: &[Item] = &[
    item(
        names::APPLICATION_ADDONS,
        Kind::List,
        "",
        "addons that every application uses beside its own; they are shown with its versions",
    ),
    item(
        names::APPLICATION_AUTO_PUBLISH,
        Kind::Flag,
        "true",
        "whether a new version is published once it is ready",
    ),
    item(
        names::APPLICATION_AUTO_UPDATE,
        Kind::Flag,
        "true",
        "kept for clients that set it, without effect: base images and addons are not served here",
    ),
    item(
        names::APPLICATION_DEFAULT_ABI,
        Kind::Abi,
        "",
        "the ABI of applications that name none",
    ),
    item(
        names::APPLICATION_MAX_PUBLISHED_VERSIONS,
        Kind::Count,
        "3",
        "how many published versions of an application are kept",
    ),
    item(
        names::CORE_DEBUG_ADDRESS,
        Kind::Nothing,
        "",
        "where debugging information would be served",
    ),
    item(
        names::CORE_HTTPS_ADDRESS,
        Kind::ReadOnly,
        "",
        "where the API is served",
    ),
    item(
        names::CORE_MAX_REQUESTS_PER_SECOND,
        Kind::Count,
        "1000",
        "how many requests a second are answered over HTTPS",
    ),
    item(
        names::CORE_PROXY_HTTP,
        Kind::WebUrl,
        "",
        "the proxy for plain HTTP, without effect on the registry: its address is always https",
    ),
    item(
        names::CORE_PROXY_HTTPS,
        Kind::WebUrl,
        "",
        "the proxy for HTTPS, the registry included",
    ),
    item(
        names::CORE_PROXY_IGNORE_HOSTS,
        Kind::List,
        "",
        "hosts that are reached without a proxy",
    ),
    item(
        names::CORE_TRUST_PASSWORD,
        Kind::Secret,
        "",
        "the password with which new clients enrol themselves",
    ),
    item(
        names::LOAD_BALANCER_URL,
        Kind::WebUrl,
        "",
        "kept for clients that set it, without effect: it is for instances, and none are started here",
    ),
    item(
        names::REGISTRY_FILTER,
        Kind::List,
        "",
        "tags of which an application needs one to be pulled; empty for all",
    ),
    item(
        names::REGISTRY_FINGERPRINT,
        Kind::Fingerprint,
        "",
        "the certificate that the registry has to show",
    ),
    item(
        names::REGISTRY_MODE,
        Kind::Mode,
        "pull",
        "what this AMS does with its registry",
    ),
    item(
        names::REGISTRY_UPDATE_INTERVAL,
        Kind::Duration,
        "1h",
        "how often the registry is looked at, whatever happens",
    ),
    item(
        names::REGISTRY_URL,
        Kind::RegistryUrl,
        "",
        "where the registry is",
    ),
];

const fn item(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Item {
    Item {
        name,
        kind,
        default,
        about,
    }
}

/// The reference of the items, in Markdown.
pub fn reference() -> String {
    let head = "# Configuration items\n\n\
                What `amc config set NAME VALUE` takes. An empty value brings the default back. A \
                change holds from the next request on.\n\n\
                | item | takes | default | |\n|---|---|---|---|\n";
    let rows = ITEMS.iter().map(Item::reference_row);
    std::iter::once(head.to_owned()).chain(rows).collect()
}

/// The item with this name.
pub fn find(name: &str) -> Result<&'static Item, Error> {
    let known = ITEMS.iter().find(|item| item.name == name);
    known.ok_or_else(|| Error::UnknownConfigItem(name.to_owned()))
}

impl Item {
    /// The value in the form in which it is kept; `None` for the default.
    pub(crate) fn accept(&'static self, value: &str) -> Result<Option<String>, Error> {
        if self.kind == Kind::ReadOnly {
            return Err(Error::ReadOnlyConfigItem(self.name));
        }
        let trimmed = if self.kind == Kind::Secret {
            value
        } else {
            value.trim()
        };
        if trimmed.is_empty() {
            return Ok(None);
        }
        let accepted = self.kind.accept(trimmed);
        accepted.map(Some).ok_or_else(|| Error::InvalidConfigValue {
            item: self.name,
            value: masked(value),
            allowed: self.kind.allowed(),
        })
    }

    /// Whether a value has a mask where the password of an address would be.
    pub(super) fn hides_password(&self, value: &str) -> bool {
        self.kind == Kind::WebUrl && is_masked(value.trim())
    }

    pub(super) fn refuse_mask(&self) -> Error {
        let reason = "*** stands for a password that is not shown: give the password itself";
        Error::field(self.name, reason)
    }

    fn reference_row(&self) -> String {
        let default = match self.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let allowed = self.kind.allowed();
        format!(
            "| `{}` | {allowed} | {default} | {} |\n",
            self.name, self.about
        )
    }

    /// A value as the API shows it.
    pub(crate) fn show(&self, value: &str) -> Value {
        match self.kind {
            Kind::Flag => Value::from(value == "true"),
            Kind::Count => value.parse::<u32>().map_or(Value::Null, Value::from),
            Kind::Secret if value.is_empty() => Value::from(""),
            Kind::Secret => Value::from("set"),
            Kind::WebUrl => Value::from(masked(value)),
            _ => Value::from(value),
        }
    }
}

impl Kind {
    /// What is allowed, to follow the words "it takes".
    pub fn allowed(self) -> &'static str {
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
            Self::Secret => "any text",
            Self::ReadOnly => "nothing",
            Self::Nothing => {
                "nothing: what there is to know is in the log (`logger.level`) and in the metrics"
            }
        }
    }

    fn accept(self, value: &str) -> Option<String> {
        match self {
            Self::Flag => flag(value).map(|flag| flag.to_string()),
            Self::Count => count(value).map(|count| count.to_string()),
            Self::List => Some(list(value).join(",")),
            Self::Duration => duration(value).map(|_| value.to_owned()),
            Self::Mode => one_of(value, &["pull", "push", "manual"]),
            Self::Abi => one_of(value, ABIS),
            Self::Fingerprint => value.parse::<Fingerprint>().ok().map(|f| f.to_string()),
            Self::RegistryUrl => url(value, &["https"]),
            Self::WebUrl => url(value, &["http", "https"]),
            Self::Secret => Some(value.to_owned()),
            Self::ReadOnly | Self::Nothing => None,
        }
    }
}

/// A truth value, in the forms that the programs in the field write.
pub(crate) fn flag(value: &str) -> Option<bool> {
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

/// The words of a list, without empty ones.
pub(crate) fn list(value: &str) -> Vec<String> {
    let words = value.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A duration that lies in the range the agent works with.
pub(crate) fn duration(value: &str) -> Option<Duration> {
    let range = Duration::from_secs(1)..=Duration::from_hours(366 * 24);
    parse_duration(value)
        .ok()
        .filter(|duration| range.contains(duration))
}

fn one_of(value: &str, allowed: &[&str]) -> Option<String> {
    allowed.contains(&value).then(|| value.to_owned())
}

/// An address of a server and nothing else: queries have no place in it, and secrets only where it
/// is a proxy's. An `@` further on is of a password that ends the address too early.
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

    fn accept(name: &str, value: &str) -> Result<Option<String>, Error> {
        find(name).unwrap().accept(value)
    }

    #[test]
    fn the_table_is_ordered_and_every_default_is_an_accepted_value() {
        assert!(ITEMS.is_sorted_by_key(|item| item.name));
        for item in ITEMS.iter().filter(|item| !item.default.is_empty()) {
            let accepted = item.accept(item.default).unwrap();
            assert_eq!(accepted.as_deref(), Some(item.default), "{}", item.name);
        }
    }

    #[test]
    fn durations_are_those_of_go() {
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

    #[test]
    fn a_refusal_names_the_item_the_value_and_what_is_allowed() {
        for (name, value) in [
            (names::REGISTRY_MODE, "both"),
            (names::REGISTRY_URL, "http://registry:3000"),
            (names::REGISTRY_URL, "https://"),
            (names::REGISTRY_URL, "https://user@registry:3000"),
            (names::REGISTRY_FINGERPRINT, "abc"),
            (names::APPLICATION_AUTO_PUBLISH, "maybe"),
            (names::APPLICATION_MAX_PUBLISHED_VERSIONS, "0"),
            (names::APPLICATION_DEFAULT_ABI, "mips"),
            (names::REGISTRY_UPDATE_INTERVAL, "soon"),
        ] {
            let message = accept(name, value).unwrap_err().to_string();
            let allowed = find(name).unwrap().kind.allowed();
            for part in [name, value, allowed] {
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn what_this_ams_does_not_have_can_only_be_left_unset() {
        let refusal = accept(names::CORE_DEBUG_ADDRESS, "127.0.0.1:9090").unwrap_err();
        assert!(refusal.to_string().contains("logger.level"), "{refusal}");
        assert_eq!(accept(names::CORE_DEBUG_ADDRESS, "").unwrap(), None);
    }

    #[test]
    fn an_empty_value_asks_for_the_default() {
        assert_eq!(accept(names::REGISTRY_MODE, " ").unwrap(), None);
    }

    #[test]
    fn values_are_kept_in_one_form() {
        let upper = "AB".repeat(32);
        let kept = accept(names::REGISTRY_FINGERPRINT, &upper).unwrap();
        assert_eq!(kept.unwrap(), upper.to_lowercase());
        let kept = accept(names::REGISTRY_FILTER, " foo, ,bar ").unwrap();
        assert_eq!(kept.unwrap(), "foo,bar");
        assert!(accept(names::REGISTRY_URL, "https://foo.bar/").is_ok());
    }

    #[test]
    fn a_read_only_item_cannot_be_set_and_an_unknown_one_is_named() {
        let refusal = accept(names::CORE_HTTPS_ADDRESS, "1.2.3.4:1").unwrap_err();
        assert!(matches!(refusal, Error::ReadOnlyConfigItem(_)));
        let refusal = find("registry.colour").unwrap_err();
        assert!(refusal.to_string().contains("registry.colour"));
    }
}
