//! The configuration items: name, type, default and description.

use ams_api::config_items as names;
use serde_json::Value;

use super::{
    masked::{is_masked, masked},
    value_type::ValueType,
};
use crate::Error;

#[derive(Debug)]
pub(super) struct ConfigItem {
    pub(super) name: &'static str,
    value_type: ValueType,
    pub(super) default: &'static str,
    description: &'static str,
}

/// Ordered by name.
pub(super) const ITEMS: &[ConfigItem] = &[
    item(
        names::APPLICATION_ADDONS,
        ValueType::List,
        "",
        "addons that every application uses in addition to its own; shown with its versions",
    ),
    item(
        names::APPLICATION_AUTO_PUBLISH,
        ValueType::Flag,
        "true",
        "whether a new version is published when it is ready",
    ),
    item(
        names::APPLICATION_AUTO_UPDATE,
        ValueType::Flag,
        "true",
        "no effect, accepted from clients that set it: AMS serves no base images and addons",
    ),
    item(
        names::APPLICATION_DEFAULT_ABI,
        ValueType::Abi,
        "",
        "the ABI of applications whose manifest names none, if their native code allows it",
    ),
    item(
        names::APPLICATION_MAX_PUBLISHED_VERSIONS,
        ValueType::Count,
        "3",
        "how many published versions of an application are kept; older ones are removed",
    ),
    item(
        names::CORE_DEBUG_ADDRESS,
        ValueType::Unsupported,
        "",
        "no effect: AMS serves no debugging information",
    ),
    item(
        names::CORE_HTTPS_ADDRESS,
        ValueType::ReadOnly,
        "",
        "the address of the API",
    ),
    item(
        names::CORE_MAX_REQUESTS_PER_SECOND,
        ValueType::Count,
        "1000",
        "the rate limit of the API over HTTPS, in requests per second",
    ),
    item(
        names::CORE_PROXY_HTTP,
        ValueType::WebUrl,
        "",
        "the proxy for plain HTTP; no effect on the registry, whose URL is always https",
    ),
    item(
        names::CORE_PROXY_HTTPS,
        ValueType::WebUrl,
        "",
        "the proxy for HTTPS, the registry included",
    ),
    item(
        names::CORE_PROXY_IGNORE_HOSTS,
        ValueType::List,
        "",
        "hosts that are connected to without a proxy",
    ),
    item(
        names::CORE_TRUST_PASSWORD,
        ValueType::Secret,
        "",
        "the password with which new clients add their certificates to the trust store",
    ),
    item(
        names::LOAD_BALANCER_URL,
        ValueType::WebUrl,
        "",
        "no effect, accepted from clients that set it: AMS starts no instances",
    ),
    item(
        names::REGISTRY_FILTER,
        ValueType::List,
        "",
        "pull only applications with one of these tags; empty for all",
    ),
    item(
        names::REGISTRY_FINGERPRINT,
        ValueType::Fingerprint,
        "",
        "the fingerprint of the certificate of the registry",
    ),
    item(
        names::REGISTRY_INSECURE_REDIRECTS,
        ValueType::Flag,
        "false",
        "whether images may be downloaded over plain HTTP where the registry redirects to it; they are \
         verified either way, but the network sees them",
    ),
    item(
        names::REGISTRY_MODE,
        ValueType::Mode,
        "pull",
        "whether AMS pulls from the registry, pushes to it, or does neither on its own",
    ),
    item(
        names::REGISTRY_UPDATE_INTERVAL,
        ValueType::Duration,
        "1h",
        "the time between scheduled synchronisation rounds",
    ),
    item(
        names::REGISTRY_URL,
        ValueType::RegistryUrl,
        "",
        "the URL of the registry",
    ),
];

const WITHOUT_EFFECT: &str =
    "no effect, kept and shown for clients that set them: AMS starts no instances";

/// Items for running instances.
static TEXT_WITHOUT_EFFECT: ConfigItem = item("", ValueType::Text, "", WITHOUT_EFFECT);
static SECRET_WITHOUT_EFFECT: ConfigItem = item("", ValueType::Secret, "", WITHOUT_EFFECT);

/// The last words of items that are credentials, such as `agent.api.token`.
const CREDENTIALS: &[&str] = &["auth", "key", "password", "secret", "token"];

const fn item(
    name: &'static str,
    value_type: ValueType,
    default: &'static str,
    description: &'static str,
) -> ConfigItem {
    ConfigItem {
        name,
        value_type,
        default,
        description,
    }
}

/// The reference of the items, in Markdown.
pub fn reference() -> String {
    let head = "# Configuration items\n\n\
                Set an item with `amc config set NAME VALUE`. An empty value restores the default. A \
                change applies from the next request on.\n\n\
                | item | values | default | |\n|---|---|---|---|\n";
    let rows = ITEMS.iter().map(|item| item.reference_row(item.name));
    let others = names::WITHOUT_EFFECT.iter();
    let others = others.map(|group| TEXT_WITHOUT_EFFECT.reference_row(&format!("{group}.*")));
    let all = std::iter::once(head.to_owned()).chain(rows).chain(others);
    all.collect()
}

pub(super) fn find(name: &str) -> Result<&'static ConfigItem, Error> {
    let known = ITEMS.iter().find(|item| item.name == name);
    let known = known.or_else(|| names::is_without_effect(name).then(|| without_effect(name)));
    known.ok_or_else(|| Error::UnknownConfigItem(name.to_owned()))
}

fn without_effect(name: &str) -> &'static ConfigItem {
    let last = name.rsplit(['.', '_']).next().unwrap_or_default();
    if CREDENTIALS.contains(&last) {
        &SECRET_WITHOUT_EFFECT
    } else {
        &TEXT_WITHOUT_EFFECT
    }
}

impl ConfigItem {
    /// Parses a value and returns its stored form; `None` for the default.
    pub(super) fn parse(&'static self, value: &str) -> Result<Option<String>, Error> {
        if self.value_type == ValueType::ReadOnly {
            return Err(Error::ReadOnlyConfigItem(self.name));
        }
        let trimmed = if self.value_type == ValueType::Secret {
            value
        } else {
            value.trim()
        };
        if trimmed.is_empty() {
            return Ok(None);
        }
        let parsed = self.value_type.parse(trimmed);
        parsed.map(Some).ok_or_else(|| Error::InvalidConfigValue {
            item: self.name,
            value: masked(value),
            allowed: self.value_type.allowed(),
        })
    }

    pub(super) fn has_masked_password(&self, value: &str) -> bool {
        self.value_type == ValueType::WebUrl && is_masked(value.trim())
    }

    pub(super) fn masked_password_error(&self) -> Error {
        let reason = "*** stands for a password that is not shown: give the password itself";
        Error::field(self.name, reason)
    }

    fn reference_row(&self, name: &str) -> String {
        let default = match self.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let allowed = self.value_type.allowed();
        format!(
            "| `{name}` | {allowed} | {default} | {} |\n",
            self.description
        )
    }

    /// A value as the API shows it.
    pub(super) fn display(&self, value: &str) -> Value {
        match self.value_type {
            ValueType::Flag => Value::from(value == "true"),
            ValueType::Count => value.parse::<u32>().map_or(Value::Null, Value::from),
            // A text, as the published definition has it.
            ValueType::Secret => Value::from((!value.is_empty()).to_string()),
            ValueType::WebUrl => Value::from(masked(value)),
            _ => Value::from(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, value: &str) -> Result<Option<String>, Error> {
        find(name).unwrap().parse(value)
    }

    #[test]
    fn items_are_ordered_and_every_default_is_a_valid_value() {
        assert!(ITEMS.is_sorted_by_key(|item| item.name));
        for item in ITEMS.iter().filter(|item| !item.default.is_empty()) {
            let parsed = item.parse(item.default).unwrap();
            assert_eq!(parsed.as_deref(), Some(item.default), "{}", item.name);
        }
    }

    #[test]
    fn refusal_names_item_value_and_allowed_values() {
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
            let message = parse(name, value).unwrap_err().to_string();
            let allowed = find(name).unwrap().value_type.allowed();
            for part in [name, value, allowed] {
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn unsupported_item_can_only_be_unset() {
        let refusal = parse(names::CORE_DEBUG_ADDRESS, "127.0.0.1:9090").unwrap_err();
        assert!(refusal.to_string().contains("logger.level"), "{refusal}");
        assert_eq!(parse(names::CORE_DEBUG_ADDRESS, "").unwrap(), None);
    }

    #[test]
    fn items_for_running_instances_are_known_and_their_credentials_hidden() {
        for name in [
            "instance.features",
            "gpu.type",
            "agent.api.url",
            "images.url",
        ] {
            assert_eq!(find(name).unwrap().display("x"), "x", "{name}");
        }
        for name in ["agent.api.token", "images.auth"] {
            assert_eq!(find(name).unwrap().display("x"), "true", "{name}");
        }
        for name in ["instance", "instance.", "instance. x", "instances.x", "a.b"] {
            assert!(find(name).is_err(), "{name}");
        }
    }

    #[test]
    fn empty_value_restores_the_default() {
        assert_eq!(parse(names::REGISTRY_MODE, " ").unwrap(), None);
    }

    #[test]
    fn value_is_normalised() {
        let upper = "AB".repeat(32);
        let kept = parse(names::REGISTRY_FINGERPRINT, &upper).unwrap();
        assert_eq!(kept.unwrap(), upper.to_lowercase());
        let kept = parse(names::REGISTRY_FILTER, " foo, ,bar ").unwrap();
        assert_eq!(kept.unwrap(), "foo,bar");
        assert!(parse(names::REGISTRY_URL, "https://foo.bar/").is_ok());
    }

    #[test]
    fn read_only_item_cannot_be_set_and_unknown_item_is_refused() {
        let refusal = parse(names::CORE_HTTPS_ADDRESS, "1.2.3.4:1").unwrap_err();
        assert!(matches!(refusal, Error::ReadOnlyConfigItem(_)));
        let refusal = find("registry.colour").unwrap_err();
        assert!(refusal.to_string().contains("registry.colour"));
    }
}
