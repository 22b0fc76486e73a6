//! The filter of a listing.

use ams_api::{Application, ApplicationFilter};

use crate::{
    Error,
    config::{parse_flag, parse_list},
};

/// Whether an application has the requested value of one attribute.
type HasValue = fn(&Application, &str) -> bool;

#[derive(Debug)]
pub(super) struct ListingFilter(Vec<(String, HasValue)>);

impl ListingFilter {
    /// Ignores conditions without a value.
    pub(super) fn parse(filter: &ApplicationFilter) -> Result<Self, Error> {
        let status = filter.status.as_deref().map(parse_status).transpose()?;
        check_flag("immutable", filter.immutable.as_ref())?;
        check_flag("inhibit_auto_updates", filter.inhibit_auto_updates.as_ref())?;
        check_flag("published", filter.published.as_ref())?;
        check_flag("vm", filter.vm.as_ref())?;
        let conditions: [(_, HasValue); 13] = [
            (&filter.id, |it, id| it.id == id),
            (&filter.name, |it, name| it.name == name),
            (&filter.instance_type, |it, any| {
                let any = parse_list(any);
                any.is_empty() || any.contains(&it.instance_type)
            }),
            (&status, |it, status| it.status.as_str() == status),
            (&filter.boot_package, |it, name| it.boot_package == name),
            (&filter.abi, |it, abi| it.abi == abi),
            (&filter.parent_image_variant, |it, variant| {
                it.parent_image_variant == variant
            }),
            (&filter.immutable, |it, flag| is(it.immutable, flag)),
            (&filter.inhibit_auto_updates, |it, flag| {
                is(it.inhibit_auto_updates, flag)
            }),
            (&filter.published, |it, flag| is(it.published, flag)),
            (&filter.vm, |it, flag| is(it.vm, flag)),
            (&filter.addons, |it, all| has_all(&it.addons, all)),
            (&filter.tags, |it, all| has_all(&it.tags, all)),
        ];
        let set = conditions.into_iter().filter_map(|(value, has_value)| {
            let value = value.clone().filter(|value| !value.is_empty())?;
            Some((value, has_value))
        });
        Ok(Self(set.collect()))
    }

    /// Whether the application meets every condition.
    pub(super) fn matches(&self, it: &Application) -> bool {
        self.0.iter().all(|(value, has_value)| has_value(it, value))
    }
}

fn is(value: bool, flag: &str) -> bool {
    parse_flag(flag) == Some(value)
}

fn has_all(values: &[String], list: &str) -> bool {
    parse_list(list).iter().all(|value| values.contains(value))
}

fn check_flag(field: &str, value: Option<&String>) -> Result<(), Error> {
    match value {
        Some(value) if !value.is_empty() && parse_flag(value).is_none() => {
            let reason = format!("{value:?} is neither true nor false");
            Err(Error::field(field, reason))
        }
        _ => Ok(()),
    }
}

fn parse_status(value: &str) -> Result<String, Error> {
    match value {
        "" | "initializing" | "ready" | "error" | "deleted" | "unknown" => Ok(value.to_owned()),
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
