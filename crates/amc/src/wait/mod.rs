//! `amc wait`

mod condition;

use std::time::Duration;

use aar_cli::Failure;
use ams_api::{Application, ApplicationVersion};
use clap::Args;
use tokio::time::{sleep, timeout};

use self::condition::{Condition, Facts};
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
        value_parser = Condition::read
    )]
    conditions: Vec<Condition>,
    /// Look at one version instead of the application, such as version=2
    #[arg(short, long, value_name = "version=NUMBER", value_parser = selector)]
    selector: Option<u32>,
    #[command(flatten)]
    timeout: TimeoutArgs,
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
            None => Facts::of(application),
            Some(number) => match version(application, number) {
                Some(version) => Facts::of_version(application, version),
                None => return may_come(application, number).map(|()| false),
            },
        };
        if Condition::all_hold(&self.conditions, &facts) {
            return Ok(true);
        }
        let waits_for_status = self.conditions.iter().any(Condition::is_status);
        match facts.failure {
            Some(why) if waits_for_status => Err(Failure::new(why).into()),
            _ => Ok(false),
        }
    }
}

fn version(application: &Application, number: u32) -> Option<&ApplicationVersion> {
    let mut versions = application.versions.iter();
    versions.find(|version| version.number == number)
}

/// Numbers are given once, and go up: only the registry brings back a version that went.
fn may_come(application: &Application, number: u32) -> anyhow::Result<()> {
    let newest = application.versions.iter().map(|version| version.number);
    if application.immutable || newest.max() < Some(number) {
        return Ok(());
    }
    let gone = format!("{} has no version {number} any more", application.name);
    Err(Failure::new(gone).into())
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

    #[test]
    fn a_version_that_went_is_waited_for_only_where_it_can_come_back() {
        let gone = arguments(&["-c", "status=ready", "-s", "version=0"]);
        let mut application = application(ApplicationStatus::Ready);
        application.versions[0].number = 1;
        let error = gone.is_reached(&application).unwrap_err();
        assert_eq!(error.to_string(), "app has no version 0 any more");
        application.immutable = true;
        assert!(!gone.is_reached(&application).unwrap());
    }
}
