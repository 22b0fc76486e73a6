use std::path::PathBuf;

use aar_cli::CompletionArgs;
use clap::{ArgAction, Parser, Subcommand};

use super::{
    application::ApplicationCommand, audit::AuditArguments, check_config::CheckConfigArguments,
    fleet::FleetArguments, gc::GcArguments, status::StatusArguments, storage::StorageCommand,
    trust::TrustCommand, wait::WaitArguments,
};

/// The Anbox Application Registry
#[derive(Debug, Parser)]
#[command(
    name = "aar",
    version,
    disable_version_flag = true,
    arg_required_else_help = true,
    after_help = "Examples:
  aar trust add --publisher /etc/ssl/ams-build.crt
  aar status
  aar trust list"
)]
pub(super) struct Arguments {
    /// The folder of configuration, certificates and database
    ///
    /// Default: `$AAR_BASE_DIR`; then `$SNAP_COMMON`; then /var/lib/aar if the Debian package is
    /// installed; then /var/snap/aar/common for root and the data folder of the user for others.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) base_dir: Option<PathBuf>,
    /// Print version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: (),
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the registry
    Serve,
    /// Manage the trusted certificates
    #[command(subcommand)]
    Trust(TrustCommand),
    /// List, show and delete applications
    #[command(subcommand, alias = "app")]
    Application(ApplicationCommand),
    /// Show the sites that use the registry, and how they stand
    Fleet(FleetArguments),
    /// Wait until a version is usable at the sites
    Wait(WaitArguments),
    /// Show the content of the registry
    Status(StatusArguments),
    /// Show the audit log
    Audit(AuditArguments),
    /// Delete unused images and expired uploads
    Gc(GcArguments),
    /// Verify or migrate the storage, or rebuild the database
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Check the configuration file and print the effective configuration
    CheckConfig(CheckConfigArguments),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Show the version of this program
    Version,
    /// Print the reference of this command line
    #[command(hide = true)]
    Reference,
    /// Print the OpenAPI document of the HTTP API
    #[command(hide = true)]
    Openapi,
}
