//! `aar trust`: the trusted certificates. Changes take effect at once, also in a running registry.

mod add;
mod certificate;
mod list;
mod remove;
mod revoke;
mod withdraw;

use aar_cli::Exit;
use clap::Subcommand;

use super::context::Context;

#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// Trust a client certificate
    Add(add::AddArguments),
    /// List the trusted certificates
    #[command(visible_alias = "ls")]
    List(list::ListArguments),
    /// Stop trusting a certificate; it can be added again later
    Remove(remove::RemoveArguments),
    /// Revoke a certificate permanently
    Revoke(revoke::RevokeArguments),
}

pub(super) async fn run(context: &Context<'_>, command: TrustCommand) -> anyhow::Result<Exit> {
    match command {
        TrustCommand::Add(arguments) => add::run(context, &arguments).await,
        TrustCommand::List(arguments) => list::run(context, &arguments).await,
        TrustCommand::Remove(arguments) => remove::run(context, &arguments).await,
        TrustCommand::Revoke(arguments) => revoke::run(context, &arguments).await,
    }
}
