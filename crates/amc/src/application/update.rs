use std::path::PathBuf;

use ams_api::{AmsClient, ApplicationPatch};
use clap::Args;

use super::source::Source;
use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Id or name of the application
    id: String,
    /// The new package; without one, AMS looks for what the application depends on anew
    path: Option<PathBuf>,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

pub(crate) async fn update(session: &Session, arguments: UpdateArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let (id, timeout) = (&arguments.id, arguments.timeout);
    if let Some(path) = arguments.path {
        return send(session, &client, id, path, timeout).await;
    }
    let nothing = ApplicationPatch::default();
    let ask = client.update_application(id, &nothing);
    operation::complete(&client, Some(timeout.limit()), ask).await
}

async fn send(
    session: &Session,
    client: &AmsClient,
    id: &str,
    path: PathBuf,
    timeout: TimeoutArgs,
) -> anyhow::Result<()> {
    let source = Source::prepare(session, client, path).await?;
    let watch = client.watch().await;
    let begun = client.update_package(id, &source.package, source.sent());
    let begun = begun.await.map_err(|error| source.blame(error))?;
    let done = operation::follow(watch, begun, timeout.limit(), &source.progress).await;
    done.map_err(|error| source.blame(error))?;
    source.progress.finish();
    Ok(())
}
