//! `amc application …`

mod create;
mod delete;
mod export;
mod field;
mod list;
mod publish;
mod set;
mod show;
mod source;
mod update;

use clap::Subcommand;

use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an application from a package
    Create(create::CreateArgs),
    /// Delete applications, or a version of one
    Delete(delete::DeleteArgs),
    /// Write the image of a version to a file
    Export(export::ExportArgs),
    /// List the applications
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Publish a version
    Publish(publish::PublishArgs),
    /// Take back the publication of a version
    Revoke(publish::PublishArgs),
    /// Change an attribute of an application
    Set(set::SetArgs),
    /// Show an application with its versions
    Show(show::ShowArgs),
    /// Set an attribute of an application back to its default
    Unset(set::UnsetArgs),
    /// Make a new version of an application
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
