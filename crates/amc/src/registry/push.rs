use ams_api::{AmsClient, ApplicationFilter, SyncPost};
use clap::Args;

use super::exchange::{Exchange, LimitArgs};
use crate::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc registry push          # every published application that the registry does not have
  amc registry push candy")]
pub(crate) struct PushArgs {
    /// Id or name of the application; without it, push everything that is due
    name: Option<String>,
    #[command(flatten)]
    limit: LimitArgs,
}

pub(super) async fn push(session: &Session, arguments: &PushArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let exchange = Exchange::new(session, &client, arguments.limit);
    if let Some(name) = &arguments.name {
        return exchange.one(client.registry_push(name)).await;
    }
    if exchange.is_manual("push").await? {
        let names = published_names(&client).await?;
        return exchange
            .each("pushed", names, |name| {
                let client = &client;
                async move { client.registry_push(&name).await }
            })
            .await;
    }
    exchange.round(SyncPost::default()).await
}

/// Leaves out applications that came from the registry.
async fn published_names(client: &AmsClient) -> anyhow::Result<Vec<String>> {
    let mut filter = ApplicationFilter::default();
    filter.set("published", "true")?;
    filter.set("immutable", "false")?;
    let applications = client.applications(&filter).await?;
    Ok(applications.into_iter().map(|one| one.name).collect())
}
