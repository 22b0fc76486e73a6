use ams_api::AmsClient;
use clap::Args;

use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of the application
    name: String,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

pub(super) async fn delete(session: &Session, arguments: &DeleteArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let request = client.registry_delete(&arguments.name);
    operation::complete(&client, Some(arguments.timeout.limit()), request).await?;
    let pushed_again = is_pushed_again(&client, &arguments.name).await;
    if pushed_again.unwrap_or_default() {
        session.printer.warn(format_args!(
            "{} is published here and registry.mode is push: the next round pushes it again",
            arguments.name
        ));
        session.printer.hint(format_args!(
            "to delete it for good, run `amc application delete {0}`, then `amc registry delete {0}`",
            arguments.name
        ));
    }
    Ok(())
}

/// Whether a publisher still has the application and would push it again.
async fn is_pushed_again(client: &AmsClient, name: &str) -> Result<bool, ams_api::Error> {
    if client.registry_status().await?.mode != "push" {
        return Ok(false);
    }
    match client.application(name).await {
        Ok(local) => Ok(local.name == name && !local.immutable && local.published),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
