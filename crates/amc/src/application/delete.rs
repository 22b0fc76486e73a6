use aar_cli::Failure;
use aar_types::VersionNumber;
use ams_api::{AmsClient, ApplicationFilter, Operation};
use clap::Args;

use crate::{
    names,
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the command has these flags")]
pub(crate) struct DeleteArgs {
    /// Ids or names of the applications
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Delete only this version of the application
    #[arg(short, long, value_name = "NUMBER", conflicts_with = "all")]
    version: Option<VersionNumber>,
    /// Delete even what came from the registry
    #[arg(short, long)]
    force: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Delete all applications
    #[arg(short, long, conflicts_with = "ids")]
    all: bool,
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

pub(crate) async fn delete(session: &Session, arguments: DeleteArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let wanted = arguments.wanted(&client).await?;
    if wanted.is_nothing() {
        return Ok(());
    }
    if !arguments.yes && !session.printer.confirm(&wanted.question())? {
        return Err(not_confirmed(session.printer.is_interactive()).into());
    }
    let deleted = arguments.carry_out(&client, wanted).await;
    deleted.map_err(|error| with_force_hint(error, arguments.force))
}

/// What came from the registry is refused to everybody who does not insist.
fn with_force_hint(error: anyhow::Error, force: bool) -> anyhow::Error {
    match error.downcast_ref() {
        Some(refused @ ams_api::Error::Refused { status: 403, .. })
            if !force && !refused.is_not_trusted() =>
        {
            Failure::from_error(refused)
                .with_hint("--force deletes it here; as long as the registry has it, it comes back")
                .into()
        }
        _ => error,
    }
}

fn not_confirmed(interactive: bool) -> Failure {
    let failure = Failure::new("nothing was deleted");
    if interactive {
        return failure;
    }
    failure.with_hint("where nobody can be asked, --yes says that it is meant")
}

/// What is to be deleted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Version(String, VersionNumber),
    Application(String),
    Applications(Several),
}

/// Several applications, as AMS and people know them.
#[derive(Debug, PartialEq, Eq)]
struct Several {
    ids: Vec<String>,
    names: Vec<String>,
}

impl DeleteArgs {
    async fn wanted(&self, client: &AmsClient) -> anyhow::Result<Wanted> {
        if self.all {
            let all = client.applications(&ApplicationFilter::default()).await?;
            let all = all.into_iter().map(|one| (one.id, one.name));
            let (ids, names) = all.unzip();
            return Ok(Wanted::Applications(Several { ids, names }));
        }
        Ok(Wanted::named(&self.ids, self.version)?)
    }

    async fn carry_out(&self, client: &AmsClient, wanted: Wanted) -> anyhow::Result<()> {
        let ask = wanted.ask(client, self.force);
        if self.no_wait {
            ask.await?;
            return Ok(());
        }
        operation::complete(client, Some(self.timeout.limit()), ask).await
    }
}

impl Wanted {
    fn named(ids: &[String], version: Option<VersionNumber>) -> Result<Self, Failure> {
        match (ids, version) {
            ([id], Some(version)) => Ok(Self::Version(id.clone(), version)),
            ([id], None) => Ok(Self::Application(id.clone())),
            (ids, None) => Ok(Self::Applications(Several {
                ids: ids.to_vec(),
                names: ids.to_vec(),
            })),
            (_, Some(_)) => Err(Failure::new(
                "a version is deleted of one application at a time",
            )),
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Applications(several) if several.ids.is_empty())
    }

    fn question(&self) -> String {
        match self {
            Self::Version(id, version) => format!("Delete version {version} of {id}?"),
            Self::Application(id) => format!("Delete {id} with all its versions?"),
            Self::Applications(several) => several.question(),
        }
    }

    async fn ask(
        self,
        client: &AmsClient,
        force: bool,
    ) -> Result<Option<Operation>, ams_api::Error> {
        match self {
            Self::Version(id, version) => client.delete_version(&id, version.0, force).await,
            Self::Application(id) => client.delete_application(&id, force).await,
            Self::Applications(several) => client.delete_applications(several.ids, force).await,
        }
    }
}

impl Several {
    fn question(&self) -> String {
        let mut question = String::new();
        for line in names::lines(&self.names) {
            question.push_str(&line);
            question.push('\n');
        }
        let (count, their) = match self.names.len() {
            1 => ("this application".to_owned(), "its"),
            count => (format!("these {count} applications"), "their"),
        };
        question + &format!("Delete {count} with all {their} versions?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_insist_is_told_how() {
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
    fn a_version_belongs_to_one_application() {
        let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let version = Wanted::named(&ids(&["a"]), Some(VersionNumber(2)));
        assert_eq!(
            version,
            Ok(Wanted::Version("a".to_owned(), VersionNumber(2)))
        );
        assert!(Wanted::named(&ids(&["a", "b"]), Some(VersionNumber(2))).is_err());
        let both = Wanted::named(&ids(&["a", "b"]), None).unwrap();
        let question = "a\nb\nDelete these 2 applications with all their versions?";
        assert_eq!(both.question(), question);
    }

    #[test]
    fn of_many_applications_the_first_are_named_and_the_others_counted() {
        let names: Vec<_> = (0..22).map(|n| format!("app-{n:02}")).collect();
        let question = Wanted::named(&names, None).unwrap().question();
        let lines: Vec<_> = question.lines().collect();
        assert_eq!((lines[0], lines[19]), ("app-00", "app-19"));
        let end = "Delete these 22 applications with all their versions?";
        assert_eq!(lines[20..], ["and 2 more", end]);
    }
}
