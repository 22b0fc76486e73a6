//! What can be waited for. A value that never occurs is refused, so that nobody waits for it.

use std::mem::discriminant;

use aar_types::rules;
use ams_api::{Application, ApplicationStatus, ApplicationVersion, VersionStatus};

const ATTRIBUTES: &str =
    "not ATTRIBUTE=VALUE with status, published, immutable, instance-type, addons or tags";

/// What an attribute has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Status(String),
    Published(bool),
    Immutable(bool),
    /// One of these.
    InstanceType(Vec<String>),
    /// All of these.
    Addons(Vec<String>),
    /// All of these.
    Tags(Vec<String>),
}

impl Condition {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (attribute, value) = text.split_once('=').ok_or(ATTRIBUTES)?;
        match attribute {
            "status" => status(value).map(Self::Status),
            "published" => boolean(value).map(Self::Published),
            "immutable" => boolean(value).map(Self::Immutable),
            "instance-type" | "instance_type" => list(value, instance_type).map(Self::InstanceType),
            "addons" => list(value, rules::line).map(Self::Addons),
            "tags" | "tag" => list(value, rules::tag).map(Self::Tags),
            _ => Err(ATTRIBUTES.to_owned()),
        }
    }

    pub(super) fn is_status(&self) -> bool {
        matches!(self, Self::Status(_))
    }

    /// Whether all conditions hold. Of several for the same attribute one is enough.
    pub(super) fn all_hold(conditions: &[Self], facts: &Facts) -> bool {
        let same = |one: &Self, other: &Self| discriminant(one) == discriminant(other);
        conditions.iter().all(|one| {
            let mut alternatives = conditions.iter().filter(|other| same(one, other));
            alternatives.any(|it| it.holds(facts))
        })
    }

    fn holds(&self, facts: &Facts) -> bool {
        let all = |wanted: &[String], have: &[String]| wanted.iter().all(|it| have.contains(it));
        match self {
            Self::Status(status) => status == facts.status,
            Self::Published(published) => *published == facts.published,
            Self::Immutable(immutable) => *immutable == facts.immutable,
            Self::InstanceType(types) => types.contains(&facts.instance_type),
            Self::Addons(addons) => all(addons, &facts.addons),
            Self::Tags(tags) => all(tags, &facts.tags),
        }
    }
}

/// Versions that are ready are shown as active.
fn status(value: &str) -> Result<String, String> {
    let name = if value == "active" { "ready" } else { value };
    if ApplicationStatus::NAMES.contains(&name) {
        return Ok(name.to_owned());
    }
    let names = ApplicationStatus::NAMES.join(", ");
    Err(format!("{value:?} is not one of {names}, active"))
}

fn boolean(value: &str) -> Result<bool, String> {
    let wrong = |_| format!("{value:?} is neither true nor false");
    value.parse().map_err(wrong)
}

/// Applications that ask for resources need not have one.
fn instance_type(name: &str) -> Result<String, rules::AllowedForm> {
    match name {
        "" => Ok(String::new()),
        name => rules::instance_type(name),
    }
}

fn list(
    value: &str,
    rule: impl Fn(&str) -> Result<String, rules::AllowedForm>,
) -> Result<Vec<String>, String> {
    let entries = value.split(',').map(str::trim);
    entries
        .map(|entry| rule(entry).map_err(|allowed| format!("{entry:?} is not {allowed}")))
        .collect()
}

/// What conditions look at.
pub(super) struct Facts {
    status: &'static str,
    published: bool,
    immutable: bool,
    instance_type: String,
    addons: Vec<String>,
    tags: Vec<String>,
    /// Why it is in error.
    pub(super) failure: Option<String>,
}

impl Facts {
    pub(super) fn of(application: &Application) -> Self {
        let newest = application
            .versions
            .iter()
            .max_by_key(|version| version.number);
        let failed = application.status == ApplicationStatus::Error;
        Self {
            status: application.status.as_str(),
            published: application.published,
            immutable: application.immutable,
            instance_type: application.instance_type.clone(),
            addons: application.addons.clone(),
            tags: application.tags.clone(),
            failure: failed.then(|| why_failed(&application.name, newest)),
        }
    }

    pub(super) fn of_version(application: &Application, version: &ApplicationVersion) -> Self {
        let failed = version.status == VersionStatus::Error;
        Self {
            status: version.status.as_str(),
            published: version.published,
            addons: version
                .addons
                .iter()
                .map(|addon| addon.name.clone())
                .collect(),
            failure: failed.then(|| why_failed(&application.name, Some(version))),
            ..Self::of(application)
        }
    }
}

fn why_failed(name: &str, version: Option<&ApplicationVersion>) -> String {
    match version {
        Some(version) if !version.error_message.is_empty() => {
            format!("{name} failed: {}", version.error_message)
        }
        _ => format!("{name} failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_in_the_words_of_listings() {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        for (text, condition) in [
            ("status=active", Condition::Status("ready".to_owned())),
            ("published=true", Condition::Published(true)),
            ("immutable=false", Condition::Immutable(false)),
            (
                "instance_type=a2.3,a4.3",
                Condition::InstanceType(list(&["a2.3", "a4.3"])),
            ),
            ("instance-type=", Condition::InstanceType(list(&[""]))),
            ("addons=ssh", Condition::Addons(list(&["ssh"]))),
            ("tag=a, b=c", Condition::Tags(list(&["a", "b=c"]))),
        ] {
            assert_eq!(Condition::read(text), Ok(condition), "{text}");
        }
    }

    #[test]
    fn what_never_occurs_is_answered_with_what_does() {
        let statuses = "initializing, ready, deleted, error, unknown, active";
        let types = "a2.3, a4.3, a6.3, a8.3, a10.3, g2.3, g4.3, g6.3, g8.3, g10.3";
        for (text, told) in [
            (
                "status=bogus",
                format!("\"bogus\" is not one of {statuses}"),
            ),
            (
                "published=maybe",
                "\"maybe\" is neither true nor false".to_owned(),
            ),
            (
                "instance-type=a2.3,a5.3",
                format!("\"a5.3\" is not one of {types}"),
            ),
            (
                "tags=",
                "\"\" is not a tag (1 to 250 characters, no comma)".to_owned(),
            ),
            (
                "addons=ssh,",
                "\"\" is not a text (1 to 250 characters in one line)".to_owned(),
            ),
            ("colour=red", ATTRIBUTES.to_owned()),
        ] {
            assert_eq!(Condition::read(text), Err(told), "{text}");
        }
    }
}
