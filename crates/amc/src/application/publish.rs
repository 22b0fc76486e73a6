use aar_types::VersionNumber;
use clap::Args;

use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Id or name of the application
    id: String,
    /// Number of the version, as `amc application show` lists it
    version: VersionNumber,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

pub(crate) async fn set(
    session: &Session,
    arguments: &PublishArgs,
    published: bool,
) -> anyhow::Result<()> {
    let client = session.client()?;
    let request = client.set_published(&arguments.id, arguments.version.0, published);
    operation::complete(&client, Some(arguments.timeout.limit()), request).await
}
