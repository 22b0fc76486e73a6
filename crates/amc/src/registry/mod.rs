//! `amc registry …`

mod list;
mod round;
mod status;
mod transfers;

use ams_api::AmsClient;
use clap::{Args, Subcommand};

use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Delete an application from the registry
    Delete(DeleteArgs),
    /// List the applications in the registry
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Pull an application from the registry, or everything that is due
    Pull(round::PullArgs),
    /// Push an application to the registry, or everything that is due
    Push(round::PushArgs),
    /// Show how AMS and the registry stand to each other
    Status(status::StatusArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of the application
    name: String,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Delete(arguments) => delete(session, &arguments).await,
            Self::List(arguments) => list::list(session, &arguments).await,
            Self::Pull(arguments) => round::pull(session, &arguments).await,
            Self::Push(arguments) => round::push(session, &arguments).await,
            Self::Status(arguments) => status::show(session, &arguments).await,
        }
    }
}

async fn delete(session: &Session, arguments: &DeleteArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let ask = client.registry_delete(&arguments.name);
    operation::complete(&client, Some(arguments.timeout.limit()), ask).await?;
    if comes_back(&client, &arguments.name)
        .await
        .unwrap_or_default()
    {
        session.printer.warn(format_args!(
            "{} is published here and registry.mode is push: the next round pushes it again",
            arguments.name
        ));
        session.printer.hint(format_args!(
            "`amc application delete {0}` deletes it here, then `amc registry delete {0}` there",
            arguments.name
        ));
    }
    Ok(())
}

/// Whether a publisher still has what it would push.
async fn comes_back(client: &AmsClient, name: &str) -> Result<bool, ams_api::Error> {
    if client.registry_status().await?.mode != "push" {
        return Ok(false);
    }
    match client.application(name).await {
        Ok(here) => Ok(here.name == name && !here.immutable && here.published),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
