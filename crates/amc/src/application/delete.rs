use aar_cli::Failure;
use aar_types::VersionNumber;
use ams_api::{AmsClient, ApplicationFilter, Operation};
use clap::Args;

use crate::{
    name_list,
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application delete candy              # with all its versions, after a prompt
  amc application delete candy --version 2
  amc application delete --all --yes
  amc application delete candy --force      # although it came from the registry")]
#[expect(clippy::struct_excessive_bools, reason = "the command has these flags")]
pub(crate) struct DeleteArgs {
    /// Ids or names of the applications
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Delete only this version of the application
    #[arg(short, long, value_name = "NUMBER", conflicts_with = "all")]
    version: Option<VersionNumber>,
    /// Also delete applications that came from the registry
    #[arg(short, long)]
    force: bool,
    /// Delete without a prompt
    #[arg(short, long)]
    yes: bool,
    /// Delete all applications
    #[arg(short, long, conflicts_with = "ids")]
    all: bool,
    /// Do not wait until the deletion is complete
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

pub(crate) async fn delete(session: &Session, arguments: DeleteArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let target = arguments.target(&client).await?;
    if target.is_empty() {
        return Ok(());
    }
    if !arguments.yes {
        target.check_exists(&client).await?;
        confirm(session, &target.question())?;
    }
    let deleted = arguments.apply(&client, target).await;
    deleted.map_err(|error| with_force_hint(error, arguments.force))
}

/// AMS deletes an application that came from the registry only with `force`.
fn with_force_hint(error: anyhow::Error, force: bool) -> anyhow::Error {
    match error.downcast_ref() {
        Some(refused @ ams_api::Error::Refused { status: 403, .. })
            if !force && !refused.is_not_trusted() =>
        {
            Failure::from_error(refused)
                .with_hint(
                    "--force deletes it on this AMS; while the registry has it, it comes back",
                )
                .into()
        }
        _ => error,
    }
}

fn confirm(session: &Session, question: &str) -> Result<(), Failure> {
    if session.printer.confirm(question, "--yes")? {
        return Ok(());
    }
    Err(Failure::new("nothing was deleted"))
}

#[derive(Debug, PartialEq, Eq)]
enum DeleteTarget {
    Version(String, VersionNumber),
    Application(String),
    Applications {
        ids: Vec<String>,
        /// For the prompt.
        names: Vec<String>,
    },
}

impl DeleteArgs {
    async fn target(&self, client: &AmsClient) -> anyhow::Result<DeleteTarget> {
        if self.all {
            let all = client.applications(&ApplicationFilter::default()).await?;
            let all = all.into_iter().map(|one| (one.id, one.name));
            let (ids, names) = all.unzip();
            return Ok(DeleteTarget::Applications { ids, names });
        }
        Ok(DeleteTarget::named(&self.ids, self.version)?)
    }

    async fn apply(&self, client: &AmsClient, target: DeleteTarget) -> anyhow::Result<()> {
        let request = target.request(client, self.force);
        if self.no_wait {
            request.await?;
            return Ok(());
        }
        operation::complete(client, Some(self.timeout.limit()), request).await
    }
}

impl DeleteTarget {
    fn named(ids: &[String], version: Option<VersionNumber>) -> Result<Self, Failure> {
        match (ids, version) {
            ([id], Some(version)) => Ok(Self::Version(id.clone(), version)),
            ([id], None) => Ok(Self::Application(id.clone())),
            (ids, None) => Ok(Self::Applications {
                ids: ids.to_vec(),
                names: ids.to_vec(),
            }),
            (_, Some(_)) => Err(Failure::new("--version takes exactly one application")),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Applications { ids, .. } if ids.is_empty())
    }

    /// A question about a missing application or version would be pointless.
    async fn check_exists(&self, client: &AmsClient) -> anyhow::Result<()> {
        match self {
            Self::Version(id, version) => {
                let application = client.application(id).await?;
                let mut versions = application.versions.iter();
                if !versions.any(|one| one.number == version.0) {
                    let missing = format!("{id} has no version {version}");
                    return Err(Failure::new(missing).into());
                }
            }
            Self::Application(id) => drop(client.application(id).await?),
            Self::Applications { names, .. } => {
                for name in names {
                    client.application(name).await?;
                }
            }
        }
        Ok(())
    }

    fn question(&self) -> String {
        match self {
            Self::Version(id, version) => format!("Delete version {version} of {id}?"),
            Self::Application(id) => format!("Delete {id} with all its versions?"),
            Self::Applications { names, .. } => applications_question(names),
        }
    }

    async fn request(
        self,
        client: &AmsClient,
        force: bool,
    ) -> Result<Option<Operation>, ams_api::Error> {
        match self {
            Self::Version(id, version) => client.delete_version(&id, version.0, force).await,
            Self::Application(id) => client.delete_application(&id, force).await,
            Self::Applications { ids, .. } => client.delete_applications(ids, force).await,
        }
    }
}

fn applications_question(names: &[String]) -> String {
    let mut question = String::new();
    for line in name_list::shortened(names) {
        question.push_str(&line);
        question.push('\n');
    }
    let (count, their) = match names.len() {
        1 => ("this application".to_owned(), "its"),
        count => (format!("these {count} applications"), "their"),
    };
    question + &format!("Delete {count} with all {their} versions?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_an_immutable_application_suggests_force() {
        let refused = |message: &str| {
            anyhow::Error::new(ams_api::Error::Refused {
                status: 403,
                code: None,
                message: message.to_owned(),
            })
        };
        let hint = |error: anyhow::Error| {
            let failure: Option<&Failure> = error.downcast_ref();
            failure.and_then(Failure::hint).map(str::to_owned)
        };
        let immutable = with_force_hint(refused("candy is immutable"), false);
        assert!(hint(immutable).unwrap().contains("--force"));
        assert_eq!(
            hint(with_force_hint(refused("candy is immutable"), true)),
            None
        );
        assert_eq!(
            hint(with_force_hint(refused("not authorized"), false)),
            None
        );
    }

    #[test]
    fn version_is_accepted_with_one_application_only() {
        let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let version = DeleteTarget::named(&ids(&["a"]), Some(VersionNumber(2)));
        assert_eq!(
            version,
            Ok(DeleteTarget::Version("a".to_owned(), VersionNumber(2)))
        );
        assert!(DeleteTarget::named(&ids(&["a", "b"]), Some(VersionNumber(2))).is_err());
        let both = DeleteTarget::named(&ids(&["a", "b"]), None).unwrap();
        let question = "a\nb\nDelete these 2 applications with all their versions?";
        assert_eq!(both.question(), question);
    }

    #[test]
    fn question_about_many_applications_names_the_first_and_counts_the_rest() {
        let names: Vec<_> = (0..22).map(|n| format!("app-{n:02}")).collect();
        let question = DeleteTarget::named(&names, None).unwrap().question();
        let lines: Vec<_> = question.lines().collect();
        assert_eq!((lines[0], lines[19]), ("app-00", "app-19"));
        let end = "Delete these 22 applications with all their versions?";
        assert_eq!(lines[20..], ["and 2 more", end]);
    }
}
