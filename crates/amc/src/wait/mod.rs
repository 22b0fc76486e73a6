//! `amc wait`

mod condition;

use std::time::Duration;

use aar_cli::Failure;
use ams_api::{Application, ApplicationVersion};
use clap::Args;
use tokio::time::{sleep, timeout};

use self::condition::{Condition, ConditionSubject};
use crate::{operation::TimeoutArgs, session::Session};

const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc wait candy -c status=ready                 # until the newest version is usable
  amc wait candy -c status=ready -s version=2    # until version 2 is usable
  amc wait candy -c published=true -t 30s        # until a version is published, for 30 seconds")]
pub(crate) struct WaitArgs {
    /// Id or name of the application
    id: String,
    /// Condition to wait for, such as status=ready. Conditions for different attributes must all
    /// hold; of several for the same attribute one is enough
    #[arg(
        short,
        long = "condition",
        value_name = "ATTRIBUTE=VALUE",
        required = true,
        value_parser = Condition::parse
    )]
    conditions: Vec<Condition>,
    /// Check one version instead of the application, such as version=2
    #[arg(short, long, value_name = "version=NUMBER", value_parser = parse_selector)]
    selector: Option<u32>,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

fn parse_selector(text: &str) -> Result<u32, &'static str> {
    let number = text.strip_prefix("version=");
    number
        .and_then(|number| number.parse().ok())
        .ok_or("expected version=NUMBER, such as version=2")
}

pub(crate) async fn wait(session: &Session, arguments: &WaitArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let poll = async {
        loop {
            let application = client.application(&arguments.id).await?;
            if arguments.is_reached(&application)? {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
        }
    };
    let limit = arguments.timeout.limit();
    timeout(limit, poll)
        .await
        .unwrap_or_else(|_| Err(ams_api::Error::WaitExpired { limit }.into()))
}

impl WaitArgs {
    /// Whether the conditions hold. A failed application never becomes ready, so it ends a wait for any
    /// other status with an error.
    fn is_reached(&self, application: &Application) -> anyhow::Result<bool> {
        let subject = match self.selector {
            None => ConditionSubject::application(application),
            Some(number) => match version(application, number) {
                Some(version) => ConditionSubject::version(application, version),
                None => return check_can_appear(application, number).map(|()| false),
            },
        };
        if Condition::all_hold(&self.conditions, &subject) {
            return Ok(true);
        }
        let waits_for_status = self.conditions.iter().any(Condition::is_status);
        match subject.failure {
            Some(failure) if waits_for_status => Err(Failure::new(failure).into()),
            _ => Ok(false),
        }
    }
}

fn version(application: &Application, number: u32) -> Option<&ApplicationVersion> {
    let mut versions = application.versions.iter();
    versions.find(|version| version.number == number)
}

/// AMS never uses a version number again. Only the registry brings back a version that was deleted.
fn check_can_appear(application: &Application, number: u32) -> anyhow::Result<()> {
    let newest = application.versions.iter().map(|version| version.number);
    if application.immutable || newest.max() < Some(number) {
        return Ok(());
    }
    let deleted = format!("version {number} of {} was deleted", application.name);
    Err(Failure::new(deleted).into())
}

#[cfg(test)]
mod tests {
    use ams_api::ApplicationStatus;
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
    fn conditions_for_one_attribute_are_alternatives() {
        let either = arguments(&["-c", "status=ready", "-c", "status=error"]);
        let failed = application(ApplicationStatus::Error);
        assert!(either.is_reached(&failed).unwrap());
        let new = application(ApplicationStatus::Initializing);
        assert!(!either.is_reached(&new).unwrap());
    }

    #[test]
    fn conditions_for_different_attributes_must_all_hold() {
        let both = arguments(&["-c", "status=ready", "-c", "tags=a,b"]);
        let ready = application(ApplicationStatus::Ready);
        assert!(both.is_reached(&ready).unwrap());
        let other = arguments(&["-c", "status=ready", "-c", "tags=a,c"]);
        assert!(!other.is_reached(&ready).unwrap());
    }

    #[test]
    fn failed_application_ends_the_wait_with_its_error() {
        let ready = arguments(&["-c", "status=ready"]);
        let error = ready.is_reached(&application(ApplicationStatus::Error));
        assert_eq!(error.unwrap_err().to_string(), "app failed: no APK");
    }

    #[test]
    fn future_version_is_waited_for() {
        let second = arguments(&["-c", "status=ready", "-s", "version=1"]);
        let ready = application(ApplicationStatus::Ready);
        assert!(!second.is_reached(&ready).unwrap());
    }

    #[test]
    fn deleted_version_is_waited_for_only_if_the_registry_can_bring_it_back() {
        let deleted = arguments(&["-c", "status=ready", "-s", "version=0"]);
        let mut application = application(ApplicationStatus::Ready);
        application.versions[0].number = 1;
        let error = deleted.is_reached(&application).unwrap_err();
        assert_eq!(error.to_string(), "version 0 of app was deleted");
        application.immutable = true;
        assert!(!deleted.is_reached(&application).unwrap());
    }
}
