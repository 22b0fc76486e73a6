use aar_cli::Failure;
use ams_api::{AmsClient, RegistryApplication, SyncPost};
use clap::Args;

use super::exchange::{Exchange, LimitArgs};
use crate::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc registry pull                      # everything that this AMS does not have yet
  amc registry pull candy
  amc registry pull --confirm-removals   # and remove what `amc registry status` shows as held")]
pub(crate) struct PullArgs {
    /// Name of the application; without it, pull everything that is due
    name: Option<String>,
    /// Carry out the removals that are held, this once
    #[arg(long, conflicts_with = "name")]
    confirm_removals: bool,
    #[command(flatten)]
    limit: LimitArgs,
}

pub(super) async fn pull(session: &Session, arguments: &PullArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let exchange = Exchange::new(session, &client, arguments.limit);
    let body = SyncPost {
        confirm_removals: arguments.confirm_removals,
    };
    if let Some(name) = &arguments.name {
        return exchange.one(client.registry_pull(name)).await;
    }
    if exchange.is_manual("pull").await? {
        if body.confirm_removals {
            let reason = "registry.mode is manual, so no removals are held that could be confirmed";
            return Err(Failure::new(reason).into());
        }
        let names = offered_names(&client).await?;
        return exchange
            .each("pulled", names, |name| {
                let client = &client;
                async move { client.registry_pull(&name).await }
            })
            .await;
    }
    exchange.round(body).await
}

/// Leaves out applications for other architectures only.
async fn offered_names(client: &AmsClient) -> anyhow::Result<Vec<String>> {
    let architecture = client.registry_status().await?.architecture;
    let applications = client.registry_applications().await?;
    let offered = applications
        .into_iter()
        .filter(|application| is_for(&architecture, application));
    Ok(offered.map(|application| application.name).collect())
}

/// An AMS that does not report its architecture refuses other architectures itself.
fn is_for(architecture: &str, application: &RegistryApplication) -> bool {
    let mut offered = application.architectures.iter();
    architecture.is_empty() || offered.any(|it| it == architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_for_other_architectures_is_not_pulled() {
        let game = RegistryApplication {
            architectures: vec!["arm64".to_owned()],
            ..RegistryApplication::default()
        };
        assert!(is_for("arm64", &game));
        assert!(!is_for("amd64", &game));
        assert!(is_for("", &game));
    }
}
