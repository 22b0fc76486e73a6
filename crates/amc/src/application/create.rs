use std::path::PathBuf;

use ams_api::Operation;
use clap::Args;

use super::source::Source;
use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The package: a folder, a .zip or a .tar.bz2 with a manifest.yaml
    path: PathBuf,
    /// Run the application in virtual machines instead of containers
    #[arg(long)]
    vm: bool,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// Prints the id of the new application.
pub(crate) async fn create(session: &Session, arguments: CreateArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let source = Source::prepare(session, &client, arguments.path).await?;
    let watch = client.watch().await;
    let begun = client.create_application(&source.package, arguments.vm, source.sent());
    let limit = arguments.timeout.limit();
    let begun = begun.await.map_err(|error| source.blame(error))?;
    let done = operation::follow(watch, begun, limit, &source.progress).await;
    let done = done.map_err(|error| source.blame(error))?;
    source.progress.finish();
    if let Some(id) = application_of(&done) {
        session.printer.data(&format!("{id}\n"))?;
    }
    Ok(())
}

fn application_of(operation: &Operation) -> Option<&str> {
    operation.resource_names("applications").next()
}
