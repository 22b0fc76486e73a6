use aar_cli::CompletionArgs;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};

use crate::{
    application, config, info, monitor, registry, remote,
    session::{GlobalArgs, Session},
    wait,
};

/// Work with an Anbox Management Service (AMS)
#[derive(Debug, Parser)]
#[command(
    name = "amc",
    version,
    disable_version_flag = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Manage applications
    #[command(visible_alias = "app", subcommand)]
    Application(application::Command),
    /// Write the script with which a shell completes command lines
    Completion(CompletionArgs),
    /// Manage the configuration of AMS and whom it trusts
    #[command(subcommand)]
    Config(config::Command),
    /// Show what the AMS is and can do
    Info(info::InfoArgs),
    /// Show what happens in AMS, as it happens
    Monitor(monitor::MonitorArgs),
    /// Print the reference of this command line
    #[command(hide = true)]
    Reference,
    /// Exchange applications with the registry
    #[command(subcommand)]
    Registry(registry::Command),
    /// Manage the AMS that can be talked to
    #[command(subcommand)]
    Remote(remote::Command),
    /// Wait for an application to reach a condition
    Wait(wait::WaitArgs),
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Application(command) => command.run(session).await,
            Self::Completion(arguments) => Ok(arguments.print(Cli::command(), &session.printer)?),
            Self::Config(command) => command.run(session).await,
            Self::Info(arguments) => info::show(session, &arguments).await,
            Self::Monitor(arguments) => monitor::monitor(session, &arguments).await,
            Self::Reference => Ok(aar_cli::print_reference(&Cli::command(), &session.printer)?),
            Self::Registry(command) => command.run(session).await,
            Self::Remote(command) => command.run(session).await,
            Self::Wait(arguments) => wait::wait(session, &arguments).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
