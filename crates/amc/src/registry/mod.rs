//! `amc registry …`

mod counts;
mod delete;
mod exchange;
mod list;
mod pull;
mod push;
mod status;
mod transfers;

use clap::Subcommand;

use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Delete an application from the registry
    Delete(delete::DeleteArgs),
    /// List the applications in the registry
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Pull applications from the registry
    Pull(pull::PullArgs),
    /// Push applications to the registry
    Push(push::PushArgs),
    /// Show whether this AMS is in sync with the registry
    Status(status::StatusArgs),
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Delete(arguments) => delete::delete(session, &arguments).await,
            Self::List(arguments) => list::list(session, &arguments).await,
            Self::Pull(arguments) => pull::pull(session, &arguments).await,
            Self::Push(arguments) => push::push(session, &arguments).await,
            Self::Status(arguments) => status::show(session, &arguments).await,
        }
    }
}
