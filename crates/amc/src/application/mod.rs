//! `amc application …`

mod attribute;
mod create;
mod delete;
mod export;
mod list;
mod package;
mod publish;
mod set;
mod show;
mod update;

use clap::Subcommand;

use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an application from a package
    Create(create::CreateArgs),
    /// Delete applications, or one version of an application
    Delete(delete::DeleteArgs),
    /// Export the image of a version to a file
    Export(export::ExportArgs),
    /// List applications
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Publish a version
    Publish(publish::PublishArgs),
    /// Withdraw a published version
    Revoke(publish::PublishArgs),
    /// Change an attribute of an application
    Set(set::SetArgs),
    /// Show an application and its versions
    Show(show::ShowArgs),
    /// Reset an attribute of an application to its default
    Unset(set::UnsetArgs),
    /// Add a version to an application
    Update(update::UpdateArgs),
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(arguments) => create::create(session, arguments).await,
            Self::Delete(arguments) => delete::delete(session, arguments).await,
            Self::Export(arguments) => export::export(session, &arguments).await,
            Self::List(arguments) => list::list(session, arguments).await,
            Self::Publish(arguments) => publish::set(session, &arguments, true).await,
            Self::Revoke(arguments) => publish::set(session, &arguments, false).await,
            Self::Set(arguments) => set::set(session, &arguments).await,
            Self::Show(arguments) => show::show(session, &arguments).await,
            Self::Unset(arguments) => set::unset(session, &arguments).await,
            Self::Update(arguments) => update::update(session, arguments).await,
        }
    }
}
