//! The filter of a listing.

use ams_api::{Application, ApplicationFilter};

use crate::{
    Error,
    config::{parse_flag, parse_list},
};

/// A filter with parsed values.
#[derive(Debug, Default)]
pub(super) struct ListingFilter {
    id: Option<String>,
    name: Option<String>,
    /// Matches an application that has any of them.
    instance_types: Vec<String>,
    status: Option<String>,
    boot_package: Option<String>,
    abi: Option<String>,
    parent_image_variant: Option<String>,
    immutable: Option<bool>,
    inhibit_auto_updates: Option<bool>,
    published: Option<bool>,
    vm: Option<bool>,
    addons: Vec<String>,
    tags: Vec<String>,
}

impl ListingFilter {
    /// Ignores conditions without a value.
    pub(super) fn parse(filter: &ApplicationFilter) -> Result<Self, Error> {
        let filter = filter.clone();
        let text = |value: Option<String>| value.filter(|value| !value.is_empty());
        let flag = |field, value| flag(field, text(value));
        Ok(Self {
            immutable: flag("immutable", filter.immutable)?,
            inhibit_auto_updates: flag("inhibit_auto_updates", filter.inhibit_auto_updates)?,
            published: flag("published", filter.published)?,
            vm: flag("vm", filter.vm)?,
            id: text(filter.id),
            name: text(filter.name),
            instance_types: parse_list(&filter.instance_type.unwrap_or_default()),
            status: text(filter.status).map(status).transpose()?,
            boot_package: text(filter.boot_package),
            abi: text(filter.abi),
            parent_image_variant: text(filter.parent_image_variant),
            addons: parse_list(&filter.addons.unwrap_or_default()),
            tags: parse_list(&filter.tags.unwrap_or_default()),
        })
    }

    /// Whether the application meets every condition.
    pub(super) fn matches(&self, it: &Application) -> bool {
        let same = |expected: &Option<String>, value: &str| {
            expected.as_deref().is_none_or(|expected| expected == value)
        };
        let is = |expected: Option<bool>, value| expected.is_none_or(|expected| expected == value);
        let any = |expected: &[String], value| expected.is_empty() || expected.contains(value);
        let all = |expected: &[String], values: &[String]| {
            expected.iter().all(|expected| values.contains(expected))
        };
        same(&self.id, &it.id)
            && same(&self.name, &it.name)
            && any(&self.instance_types, &it.instance_type)
            && same(&self.status, it.status.as_str())
            && same(&self.boot_package, &it.boot_package)
            && same(&self.abi, &it.abi)
            && same(&self.parent_image_variant, &it.parent_image_variant)
            && is(self.immutable, it.immutable)
            && is(self.inhibit_auto_updates, it.inhibit_auto_updates)
            && is(self.published, it.published)
            && is(self.vm, it.vm)
            && all(&self.addons, &it.addons)
            && all(&self.tags, &it.tags)
    }
}

fn flag(field: &str, value: Option<String>) -> Result<Option<bool>, Error> {
    let read = |value: String| {
        let invalid = || Error::field(field, format!("{value:?} is neither true nor false"));
        parse_flag(&value).ok_or_else(invalid)
    };
    value.map(read).transpose()
}

fn status(value: String) -> Result<String, Error> {
    match value.as_str() {
        "initializing" | "ready" | "error" | "deleted" | "unknown" => Ok(value),
        "active" => Ok("ready".to_owned()),
        _ => Err(Error::field(
            "status",
            format!("{value:?} is not initializing, ready, error, deleted or unknown"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ams_api::ApplicationStatus;

    fn application() -> Application {
        Application {
            id: "btavtegj1qm58qg7ru50".to_owned(),
            name: "game".to_owned(),
            status: ApplicationStatus::Ready,
            instance_type: "a4.3".to_owned(),
            boot_package: "com.foo.bar".to_owned(),
            abi: "x86_64".to_owned(),
            parent_image_variant: "android".to_owned(),
            published: true,
            addons: vec!["ssh".to_owned(), "gms".to_owned()],
            tags: vec!["created_by=anbox".to_owned(), "foo".to_owned()],
            ..Application::default()
        }
    }

    fn matches(attribute: &str, value: &str) -> bool {
        let mut filter = ApplicationFilter::default();
        filter.set(attribute, value).unwrap();
        ListingFilter::parse(&filter)
            .unwrap()
            .matches(&application())
    }

    #[test]
    fn every_attribute_matches_equal_values_only() {
        for (attribute, equal, different) in [
            ("id", "btavtegj1qm58qg7ru50", "bta"),
            ("name", "game", "Game"),
            ("instance_type", "a4.3", "a2.3"),
            ("instance_type", "a2.3,a4.3", "a2.3,a6.3"),
            ("status", "ready", "error"),
            ("boot_package", "com.foo.bar", "com.foo"),
            ("immutable", "False", "1"),
            ("inhibit_auto_updates", "false", "true"),
            ("published", "true", "false"),
            ("addons", "gms,ssh", "gms,other"),
            ("abi", "x86_64", "x86"),
            ("tags", "foo, created_by=anbox", "foo,bar"),
            ("parent_image_variant", "android", "aaos"),
            ("vm", "false", "true"),
        ] {
            assert!(matches(attribute, equal), "{attribute}={equal}");
            assert!(!matches(attribute, different), "{attribute}={different}");
        }
    }

    #[test]
    fn condition_without_a_value_is_ignored() {
        for attribute in ApplicationFilter::ATTRIBUTES {
            assert!(matches(attribute, ""), "{attribute}");
        }
    }

    #[test]
    fn refusal_names_attribute_and_value() {
        for (attribute, value) in [("vm", "perhaps"), ("status", "asleep")] {
            let mut filter = ApplicationFilter::default();
            filter.set(attribute, value).unwrap();
            let message = ListingFilter::parse(&filter).unwrap_err().to_string();
            assert!(
                message.contains(attribute) && message.contains(value),
                "{message}"
            );
        }
    }
}
