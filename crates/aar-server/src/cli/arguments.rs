use std::path::PathBuf;

use aar_cli::CompletionArgs;
use clap::{ArgAction, Parser, Subcommand};

use super::{
    application::ApplicationCommand, audit::AuditArguments, check_config::CheckConfigArguments,
    gc::GcArguments, status::StatusArguments, storage::StorageCommand, trust::TrustCommand,
};

/// The Anbox Application Registry
#[derive(Debug, Parser)]
#[command(
    name = "aar",
    version,
    disable_version_flag = true,
    arg_required_else_help = true
)]
pub(super) struct Arguments {
    /// The folder that holds configuration, certificates and database
    ///
    /// Default: `$AAR_BASE_DIR`, else `$SNAP_COMMON`, else /var/lib/aar where the Debian package is
    /// installed, else /var/snap/aar/common for root and the data folder of the user for others.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) base_dir: Option<PathBuf>,
    /// Print version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: (),
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the registry
    Serve,
    /// Manage the certificates that are trusted
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Look at applications and delete them
    #[command(subcommand, alias = "app")]
    Application(ApplicationCommand),
    /// Show what the registry holds
    Status(StatusArguments),
    /// Show who did what
    Audit(AuditArguments),
    /// Free the space of images and uploads that nobody needs any more
    Gc(GcArguments),
    /// Compare database and storage, or rebuild the database
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Check the configuration file and print what it comes to
    CheckConfig(CheckConfigArguments),
    /// Print a script that completes commands in a shell
    Completion(CompletionArgs),
    /// Print the reference of this command line
    #[command(hide = true)]
    Reference,
    /// Print the OpenAPI document of the HTTP API
    #[command(hide = true)]
    Openapi,
}
