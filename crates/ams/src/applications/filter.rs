//! Which applications a listing shows.

use ams_api::{Application, ApplicationFilter};

use crate::{
    Error,
    config::items::{self, list},
};

/// A filter whose values were understood.
#[derive(Debug, Default)]
pub(super) struct Filter {
    id: Option<String>,
    name: Option<String>,
    /// Any of them; an application has one.
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

impl Filter {
    /// Understands a filter, or names the value that makes no sense. A condition without a value is
    /// none.
    pub(super) fn read(given: &ApplicationFilter) -> Result<Self, Error> {
        let given = given.clone();
        let text = |value: Option<String>| value.filter(|value| !value.is_empty());
        let flag = |field, value| flag(field, text(value));
        Ok(Self {
            immutable: flag("immutable", given.immutable)?,
            inhibit_auto_updates: flag("inhibit_auto_updates", given.inhibit_auto_updates)?,
            published: flag("published", given.published)?,
            vm: flag("vm", given.vm)?,
            id: text(given.id),
            name: text(given.name),
            instance_types: list(&given.instance_type.unwrap_or_default()),
            status: text(given.status).map(status).transpose()?,
            boot_package: text(given.boot_package),
            abi: text(given.abi),
            parent_image_variant: text(given.parent_image_variant),
            addons: list(&given.addons.unwrap_or_default()),
            tags: list(&given.tags.unwrap_or_default()),
        })
    }

    /// Whether every condition holds.
    pub(super) fn takes(&self, it: &Application) -> bool {
        let same = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        let is = |wanted: Option<bool>, value| wanted.is_none_or(|wanted| wanted == value);
        let any = |wanted: &[String], value| wanted.is_empty() || wanted.contains(value);
        let all = |wanted: &[String], values: &[String]| {
            wanted.iter().all(|wanted| values.contains(wanted))
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
        let nonsense = || Error::field(field, format!("{value:?} is neither true nor false"));
        items::flag(&value).ok_or_else(nonsense)
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

    fn takes(attribute: &str, value: &str) -> bool {
        let mut given = ApplicationFilter::default();
        given.set(attribute, value).unwrap();
        Filter::read(&given).unwrap().takes(&application())
    }

    #[test]
    fn every_attribute_takes_what_fits_and_leaves_what_does_not() {
        for (attribute, fits, differs) in [
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
            assert!(takes(attribute, fits), "{attribute}={fits}");
            assert!(!takes(attribute, differs), "{attribute}={differs}");
        }
    }

    #[test]
    fn a_condition_without_a_value_is_none() {
        for attribute in ApplicationFilter::ATTRIBUTES {
            assert!(takes(attribute, ""), "{attribute}");
        }
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        for (attribute, value) in [("vm", "perhaps"), ("status", "asleep")] {
            let mut given = ApplicationFilter::default();
            given.set(attribute, value).unwrap();
            let message = Filter::read(&given).unwrap_err().to_string();
            assert!(
                message.contains(attribute) && message.contains(value),
                "{message}"
            );
        }
    }
}
