//! `aar storage`: database and storage, whether they agree, and how one is made from the other.

mod migrate;
mod rebuild;
mod verify;

use aar_cli::Exit;
use clap::Subcommand;

use super::context::Context;

/// What there is to do with the storage.
#[derive(Debug, Subcommand)]
pub(super) enum StorageCommand {
    /// Compare every image with its digest and the database with the storage, both ways
    Verify(verify::VerifyArguments),
    /// Fill an empty database from the storage alone
    ///
    /// The registry must not run. A database that is damaged is moved away first. Where a
    /// descriptor cannot be read, or names an image that is not stored, nothing is rebuilt unless
    /// that loss is accepted.
    Rebuild(rebuild::RebuildArguments),
    /// Copy everything to another storage, and use that one from then on
    ///
    /// The registry may run meanwhile. What was cut short is begun again with the same command.
    Migrate(migrate::MigrateArguments),
}

/// Runs one of the commands.
pub(super) async fn run(context: &Context<'_>, command: StorageCommand) -> anyhow::Result<Exit> {
    match command {
        StorageCommand::Verify(arguments) => verify::run(context, &arguments).await,
        StorageCommand::Rebuild(arguments) => rebuild::run(context, &arguments).await,
        StorageCommand::Migrate(arguments) => migrate::run(context, &arguments).await,
    }
}
