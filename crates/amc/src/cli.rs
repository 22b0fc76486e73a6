use aar_cli::CompletionArgs;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};

use crate::{
    application, auth, config, info, monitor, other_half, registry, remote,
    session::{GlobalArgs, Session},
    wait,
};

/// Manage an Anbox Management Service (AMS)
#[derive(Debug, Parser)]
#[command(
    name = "amc",
    version,
    disable_version_flag = true,
    max_term_width = 100,
    after_help = "Examples:
  amc application create ./candy       # create an application from a package
  amc registry status                  # compare this AMS with the registry
  amc --remote prod application list   # talk to another AMS"
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
    /// Add the certificates of clients, as newer versions of the vendor's amc do
    #[command(subcommand)]
    Auth(auth::Command),
    /// Generate the completion script for a shell
    #[command(after_help = "Examples:
  amc completion bash > ~/.local/share/bash-completion/completions/amc
  amc completion zsh > \"${fpath[1]}/_amc\"")]
    Completion(CompletionArgs),
    /// Manage the configuration of AMS and its trusted certificates
    #[command(subcommand)]
    Config(config::Command),
    /// Show the version, API extensions and configuration of AMS
    Info(info::InfoArgs),
    /// Show the events of AMS as they happen
    Monitor(monitor::MonitorArgs),
    /// Print the reference of this command line
    #[command(hide = true)]
    Reference,
    /// Push applications to the registry and pull them from it
    #[command(subcommand)]
    Registry(registry::Command),
    /// Manage remotes: the AMS that commands can talk to
    #[command(subcommand)]
    Remote(remote::Command),
    #[command(flatten)]
    OtherHalf(other_half::Command),
    /// Show the version of this program; `amc info` shows that of AMS
    Version,
    /// Wait until an application meets a condition
    Wait(wait::WaitArgs),
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Application(command) => command.run(session).await,
            Self::Auth(command) => command.run(session).await,
            Self::Completion(arguments) => Ok(arguments.print(Cli::command(), &session.printer)?),
            Self::Config(command) => command.run(session).await,
            Self::Info(arguments) => info::show(session, &arguments).await,
            Self::Monitor(arguments) => monitor::monitor(session, &arguments).await,
            Self::Reference => Ok(aar_cli::print_reference(&Cli::command(), &session.printer)?),
            Self::Registry(command) => command.run(session).await,
            Self::Remote(command) => command.run(session).await,
            Self::OtherHalf(command) => Err(command.refusal().into()),
            Self::Version => Ok(session.printer.data(&Cli::command().render_version())?),
            Self::Wait(arguments) => wait::wait(session, &arguments).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }
}
