use std::{collections::BTreeMap, time::Duration};

use aar_cli::Failure;
use ams_api::{Application, ApplicationStatus, ApplicationVersion, VersionStatus};
use clap::Args;
use tokio::time::{sleep, timeout};

use crate::{operation::TimeoutArgs, session::Session};

/// How often the application is looked at.
const PERIOD: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Id or name of the application
    id: String,
    /// What to wait for, such as status=ready. Of several for the same attribute one is enough
    #[arg(
        short,
        long = "condition",
        value_name = "ATTRIBUTE=VALUE",
        required = true,
        value_parser = condition
    )]
    conditions: Vec<(Attribute, String)>,
    /// Look at one version instead of the application, such as version=2
    #[arg(short, long, value_name = "version=NUMBER", value_parser = selector)]
    selector: Option<u32>,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attribute {
    Status,
    Published,
    Immutable,
    InstanceType,
    Addons,
    Tags,
}

const ATTRIBUTES: &str =
    "not ATTRIBUTE=VALUE with status, published, immutable, instance-type, addons or tags";

fn condition(text: &str) -> Result<(Attribute, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or(ATTRIBUTES)?;
    let attribute = match name {
        "status" => Attribute::Status,
        "published" => Attribute::Published,
        "immutable" => Attribute::Immutable,
        "instance-type" | "instance_type" => Attribute::InstanceType,
        "addons" => Attribute::Addons,
        "tags" | "tag" => Attribute::Tags,
        _ => return Err(ATTRIBUTES),
    };
    Ok((attribute, value.to_owned()))
}

fn selector(text: &str) -> Result<u32, &'static str> {
    let number = text.strip_prefix("version=");
    number
        .and_then(|number| number.parse().ok())
        .ok_or("not version=NUMBER")
}

pub(crate) async fn wait(session: &Session, arguments: &WaitArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let reach = async {
        loop {
            let application = client.application(&arguments.id).await?;
            if arguments.is_reached(&application)? {
                return Ok(());
            }
            sleep(PERIOD).await;
        }
    };
    let limit = arguments.timeout.limit();
    timeout(limit, reach)
        .await
        .unwrap_or_else(|_| Err(ams_api::Error::WaitExpired { limit }.into()))
}

impl WaitArgs {
    /// Whether the conditions hold. What has failed will not get ready by itself: unless somebody
    /// waits for just that, it is an error.
    fn is_reached(&self, application: &Application) -> anyhow::Result<bool> {
        let facts = match self.selector {
            None => facts_of(application),
            Some(number) => match version(application, number) {
                Some(version) => facts_of_version(application, version),
                None => return Ok(false),
            },
        };
        if self.hold(&facts) {
            return Ok(true);
        }
        let waits_for_status = self
            .conditions
            .iter()
            .any(|(attribute, _)| *attribute == Attribute::Status);
        match facts.failure {
            Some(why) if waits_for_status => Err(Failure::new(why).into()),
            _ => Ok(false),
        }
    }

    fn hold(&self, facts: &Facts) -> bool {
        let mut wanted: BTreeMap<Attribute, Vec<&str>> = BTreeMap::new();
        for (attribute, value) in &self.conditions {
            wanted.entry(*attribute).or_default().push(value);
        }
        wanted
            .iter()
            .all(|(attribute, values)| values.iter().any(|value| facts.has(*attribute, value)))
    }
}

/// What conditions look at.
struct Facts {
    status: &'static str,
    published: bool,
    immutable: bool,
    instance_type: String,
    addons: Vec<String>,
    tags: Vec<String>,
    /// Why it is in error.
    failure: Option<String>,
}

impl Facts {
    fn has(&self, attribute: Attribute, value: &str) -> bool {
        match attribute {
            Attribute::Status => self.status == status_name(value),
            Attribute::Published => self.published.to_string() == value,
            Attribute::Immutable => self.immutable.to_string() == value,
            Attribute::InstanceType => value.split(',').any(|one| one == self.instance_type),
            Attribute::Addons => contains_all(&self.addons, value),
            Attribute::Tags => contains_all(&self.tags, value),
        }
    }
}

/// Versions that are ready are shown as active.
fn status_name(shown: &str) -> &str {
    if shown == "active" { "ready" } else { shown }
}

fn contains_all(have: &[String], wanted: &str) -> bool {
    wanted
        .split(',')
        .all(|one| have.iter().any(|has| has == one))
}

fn facts_of(application: &Application) -> Facts {
    let newest = application
        .versions
        .iter()
        .max_by_key(|version| version.number);
    let failed = application.status == ApplicationStatus::Error;
    Facts {
        status: application.status.as_str(),
        published: application.published,
        immutable: application.immutable,
        instance_type: application.instance_type.clone(),
        addons: application.addons.clone(),
        tags: application.tags.clone(),
        failure: failed.then(|| why_failed(&application.name, newest)),
    }
}

fn facts_of_version(application: &Application, version: &ApplicationVersion) -> Facts {
    let failed = version.status == VersionStatus::Error;
    Facts {
        status: version.status.as_str(),
        published: version.published,
        addons: version
            .addons
            .iter()
            .map(|addon| addon.name.clone())
            .collect(),
        failure: failed.then(|| why_failed(&application.name, Some(version))),
        ..facts_of(application)
    }
}

fn version(application: &Application, number: u32) -> Option<&ApplicationVersion> {
    let mut versions = application.versions.iter();
    versions.find(|version| version.number == number)
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
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Probe {
        #[command(flatten)]
        wait: WaitArgs,
    }

    fn arguments(text: &[&str]) -> WaitArgs {
        let arguments = ["probe", "app"].into_iter().chain(text.iter().copied());
        Probe::try_parse_from(arguments).ok().unwrap().wait
    }

    fn application(status: ApplicationStatus) -> Application {
        Application {
            name: "app".to_owned(),
            status,
            tags: vec!["a".to_owned(), "b".to_owned()],
            versions: vec![ApplicationVersion {
                error_message: "no APK".to_owned(),
                ..ApplicationVersion::default()
            }],
            ..Application::default()
        }
    }

    #[test]
    fn of_values_for_one_attribute_one_is_enough() {
        let either = arguments(&["-c", "status=ready", "-c", "status=error"]);
        let failed = application(ApplicationStatus::Error);
        assert!(either.is_reached(&failed).unwrap());
        let new = application(ApplicationStatus::Initializing);
        assert!(!either.is_reached(&new).unwrap());
    }

    #[test]
    fn different_attributes_have_to_hold_together() {
        let both = arguments(&["-c", "status=ready", "-c", "tags=a,b"]);
        let ready = application(ApplicationStatus::Ready);
        assert!(both.is_reached(&ready).unwrap());
        let other = arguments(&["-c", "status=ready", "-c", "tags=a,c"]);
        assert!(!other.is_reached(&ready).unwrap());
    }

    #[test]
    fn a_failure_ends_the_wait_with_its_reason() {
        let ready = arguments(&["-c", "status=ready"]);
        let error = ready.is_reached(&application(ApplicationStatus::Error));
        assert_eq!(error.unwrap_err().to_string(), "app failed: no APK");
    }

    #[test]
    fn a_version_that_is_not_there_yet_is_waited_for() {
        let second = arguments(&["-c", "status=ready", "-s", "version=1"]);
        let ready = application(ApplicationStatus::Ready);
        assert!(!second.is_reached(&ready).unwrap());
    }
}
