//! `amc remote …`

mod add;
mod list;

use aar_cli::Format;
use clap::Subcommand;

use crate::{paths, remotes::Remotes, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add an AMS on another machine
    Add(add::AddArgs),
    /// List the remotes
    #[command(visible_alias = "ls")]
    List {
        /// Output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Remove a remote; its AMS is not changed
    #[command(visible_alias = "rm")]
    Remove {
        /// Name of the remote
        name: String,
    },
    /// Set the remote that commands use by default
    SetDefault {
        /// Name of the remote
        name: String,
    },
    /// Change the address of a remote
    SetUrl {
        /// Name of the remote
        name: String,
        /// New address
        url: String,
        /// Accept the certificate that the AMS shows, without a prompt
        #[arg(long)]
        accept_certificate: bool,
    },
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        let folder = paths::config_dir()?;
        let mut remotes = Remotes::load(&folder)?;
        match self {
            Self::Add(arguments) => return add::add(session, &folder, remotes, arguments).await,
            Self::List { format } => return list::list(session, &remotes, format),
            Self::Remove { name } => remotes.remove(&name)?,
            Self::SetDefault { name } => remotes.set_default(&name)?,
            Self::SetUrl {
                name,
                url,
                accept_certificate,
            } => {
                remotes.check_changeable(&name)?;
                let remote = add::pin(session, &url, accept_certificate).await?;
                remotes.replace(&name, remote)?;
            }
        }
        remotes.save(&folder)
    }
}
