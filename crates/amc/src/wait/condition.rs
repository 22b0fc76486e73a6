//! The conditions of `amc wait`. A value that cannot occur is refused: the wait would never end.

use std::mem::discriminant;

use aar_types::rules;
use ams_api::{Application, ApplicationStatus, ApplicationVersion, VersionStatus};

const EXPECTED: &str = "expected ATTRIBUTE=VALUE, where ATTRIBUTE is status, published, immutable, \
                        instance-type, addons or tags";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Status(String),
    Published(bool),
    Immutable(bool),
    /// Any of these.
    InstanceType(Vec<String>),
    /// All of these.
    Addons(Vec<String>),
    /// All of these.
    Tags(Vec<String>),
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (attribute, value) = text.split_once('=').ok_or(EXPECTED)?;
        match attribute {
            "status" => status(value).map(Self::Status),
            "published" => boolean(value).map(Self::Published),
            "immutable" => boolean(value).map(Self::Immutable),
            "instance-type" | "instance_type" => list(value, instance_type).map(Self::InstanceType),
            "addons" => list(value, rules::line).map(Self::Addons),
            "tags" | "tag" => list(value, rules::tag).map(Self::Tags),
            _ => Err(EXPECTED.to_owned()),
        }
    }

    pub(super) fn is_status(&self) -> bool {
        matches!(self, Self::Status(_))
    }

    /// Whether all conditions hold. Of several for the same attribute one is enough.
    pub(super) fn all_hold(conditions: &[Self], subject: &ConditionSubject) -> bool {
        let same = |one: &Self, other: &Self| discriminant(one) == discriminant(other);
        conditions.iter().all(|one| {
            let mut alternatives = conditions.iter().filter(|other| same(one, other));
            alternatives.any(|it| it.holds(subject))
        })
    }

    fn holds(&self, subject: &ConditionSubject) -> bool {
        let all = |expected: &[String], actual: &[String]| {
            expected.iter().all(|entry| actual.contains(entry))
        };
        match self {
            Self::Status(status) => status == subject.status,
            Self::Published(published) => *published == subject.published,
            Self::Immutable(immutable) => *immutable == subject.immutable,
            Self::InstanceType(types) => types.contains(&subject.instance_type),
            Self::Addons(addons) => all(addons, &subject.addons),
            Self::Tags(tags) => all(tags, &subject.tags),
        }
    }
}

/// `amc` shows a version that is ready as active.
fn status(value: &str) -> Result<String, String> {
    let name = if value == "active" { "ready" } else { value };
    if ApplicationStatus::NAMES.contains(&name) {
        return Ok(name.to_owned());
    }
    let names = ApplicationStatus::NAMES.join(", ");
    Err(format!("{value:?} is not one of {names}, active"))
}

fn boolean(value: &str) -> Result<bool, String> {
    let invalid = |_| format!("{value:?} is neither true nor false");
    value.parse().map_err(invalid)
}

/// May be empty: an application that asks for resources needs no instance type.
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

/// The attributes of an application or a version that conditions are checked against.
pub(super) struct ConditionSubject {
    status: &'static str,
    published: bool,
    immutable: bool,
    instance_type: String,
    addons: Vec<String>,
    tags: Vec<String>,
    /// The message for a failed application or version.
    pub(super) failure: Option<String>,
}

impl ConditionSubject {
    pub(super) fn application(application: &Application) -> Self {
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
            failure: failed.then(|| failure_message(&application.name, newest)),
        }
    }

    pub(super) fn version(application: &Application, version: &ApplicationVersion) -> Self {
        let failed = version.status == VersionStatus::Error;
        Self {
            status: version.status.as_str(),
            published: version.published,
            addons: version
                .addons
                .iter()
                .map(|addon| addon.name.clone())
                .collect(),
            failure: failed.then(|| failure_message(&application.name, Some(version))),
            ..Self::application(application)
        }
    }
}

fn failure_message(name: &str, version: Option<&ApplicationVersion>) -> String {
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
    fn conditions_use_the_names_and_values_of_listings() {
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
            assert_eq!(Condition::parse(text), Ok(condition), "{text}");
        }
    }

    #[test]
    fn impossible_value_is_refused_with_the_possible_ones() {
        let statuses = "initializing, ready, deleted, error, unknown, active";
        let types = "a2.3, a4.3, a6.3, a8.3, a10.3, g2.3, g4.3, g6.3, g8.3, g10.3";
        for (text, message) in [
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
            ("colour=red", EXPECTED.to_owned()),
        ] {
            assert_eq!(Condition::parse(text), Err(message), "{text}");
        }
    }
}
