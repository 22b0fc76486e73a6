//! `aar storage`: verify, rebuild and migrate.

mod migrate;
mod rebuild;
mod verify;

use aar_cli::Exit;
use clap::Subcommand;

use super::context::Context;

#[derive(Debug, Subcommand)]
pub(super) enum StorageCommand {
    /// Compare images with their digests and the database with the storage
    Verify(verify::VerifyArguments),
    /// Rebuild a lost database from the storage
    ///
    /// Stop the registry first, and move a damaged database away. If a descriptor cannot be read or its
    /// image is missing, nothing is rebuilt unless you accept the loss.
    Rebuild(rebuild::RebuildArguments),
    /// Copy everything to another storage and switch to it
    ///
    /// The registry can keep running. To resume an interrupted migration, run the same command again.
    Migrate(migrate::MigrateArguments),
}

pub(super) async fn run(context: &Context<'_>, command: StorageCommand) -> anyhow::Result<Exit> {
    match command {
        StorageCommand::Verify(arguments) => verify::run(context, &arguments).await,
        StorageCommand::Rebuild(arguments) => rebuild::run(context, &arguments).await,
        StorageCommand::Migrate(arguments) => migrate::run(context, &arguments).await,
    }
}
