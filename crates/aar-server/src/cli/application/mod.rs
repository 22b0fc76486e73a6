//! `aar application`: the catalogue.

mod delete;
mod list;
mod show;

use aar_cli::Exit;
use clap::Subcommand;

use super::context::Context;

#[derive(Debug, Subcommand)]
pub(super) enum ApplicationCommand {
    /// List the applications
    #[command(visible_alias = "ls")]
    List(list::ListArguments),
    /// Show an application with its versions
    Show(show::ShowArguments),
    /// Delete an application with its versions
    Delete(delete::DeleteArguments),
}

pub(super) async fn run(
    context: &Context<'_>,
    command: ApplicationCommand,
) -> anyhow::Result<Exit> {
    match command {
        ApplicationCommand::List(arguments) => list::run(context, &arguments).await,
        ApplicationCommand::Show(arguments) => show::run(context, &arguments).await,
        ApplicationCommand::Delete(arguments) => delete::run(context, &arguments).await,
    }
}
