//! Pushing and pulling by hand: one application, or a whole round.

use std::time::Duration;

use aar_cli::Failure;
use aar_types::parse_duration;
use ams_api::{AmsClient, ApplicationFilter, Operation, RegistryStatus, SyncPost};
use clap::Args;

use super::transfers;
use crate::{operation, session::Session};

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Id or name of the application; without one, everything that is due is pushed
    name: Option<String>,
    #[command(flatten)]
    limit: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Name of the application; without one, everything that is due is pulled
    name: Option<String>,
    /// Carry out the removals that are held back, this once
    #[arg(long)]
    confirm_removals: bool,
    #[command(flatten)]
    limit: LimitArgs,
}

/// Images may be large and lines slow: nobody but the caller knows what is too long.
#[derive(Debug, Clone, Copy, Args)]
struct LimitArgs {
    /// The longest time to wait until it is done [default: no limit]
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

pub(crate) async fn push(session: &Session, arguments: &PushArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let exchange = Exchange::new(session, &client, arguments.limit);
    if let Some(name) = &arguments.name {
        return exchange.run(client.registry_push(name)).await;
    }
    if exchange.is_manual("push").await? {
        for name in published_names(&client).await? {
            exchange.run(client.registry_push(&name)).await?;
        }
        return Ok(());
    }
    exchange.round(SyncPost::default()).await
}

pub(crate) async fn pull(session: &Session, arguments: &PullArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let exchange = Exchange::new(session, &client, arguments.limit);
    let body = SyncPost {
        confirm_removals: arguments.confirm_removals,
    };
    if let Some(name) = &arguments.name {
        return exchange.run(client.registry_pull(name, body)).await;
    }
    if exchange.is_manual("pull").await? {
        for application in client.registry_applications().await? {
            exchange
                .run(client.registry_pull(&application.name, body))
                .await?;
        }
        return Ok(());
    }
    exchange.round(body).await
}

/// What the registry has no business with are applications that came from there.
async fn published_names(client: &AmsClient) -> anyhow::Result<Vec<String>> {
    let mut filter = ApplicationFilter::default();
    filter.set("published", "true")?;
    filter.set("immutable", "false")?;
    let applications = client.applications(&filter).await?;
    Ok(applications.into_iter().map(|one| one.name).collect())
}

struct Exchange<'a> {
    session: &'a Session,
    client: &'a AmsClient,
    limit: Option<Duration>,
}

impl<'a> Exchange<'a> {
    fn new(session: &'a Session, client: &'a AmsClient, limit: LimitArgs) -> Self {
        Self {
            session,
            client,
            limit: limit.timeout,
        }
    }

    /// Asks for something and draws what is on its way until it is done.
    async fn run(
        &self,
        ask: impl Future<Output = Result<Option<Operation>, ams_api::Error>>,
    ) -> anyhow::Result<()> {
        let work = operation::complete(self.client, self.limit, ask);
        transfers::drawn(&self.session.printer, self.client, work).await
    }

    /// A round goes the way that the mode says. In manual mode there are no rounds, and each
    /// application is asked for by itself.
    async fn is_manual(&self, direction: &str) -> anyhow::Result<bool> {
        let status = self.client.registry_status().await?;
        match mode_allows(&status, direction) {
            Ok(manual) => Ok(manual),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn round(&self, body: SyncPost) -> anyhow::Result<()> {
        let done = self.run(self.client.registry_sync(body)).await;
        let status = self.client.registry_status().await?;
        self.report(&status);
        done
    }

    fn report(&self, status: &RegistryStatus) {
        let printer = &self.session.printer;
        for conflict in &status.conflicts {
            printer.warn(format_args!(
                "conflict over {}: {}",
                conflict.application, conflict.reason
            ));
        }
        if let Some(held) = &status.held {
            printer.warn(format_args!("removal held: {}", held.reason));
            printer.hint("`amc registry pull --confirm-removals` carries it out once");
        }
        if let Some(round) = &status.last_round {
            printer.note(super::status::counts(round));
        }
    }
}

fn mode_allows(status: &RegistryStatus, direction: &str) -> Result<bool, Failure> {
    if status.url.is_empty() {
        return Err(Failure::new("no registry is set up")
            .with_hint("set registry.url and registry.fingerprint with `amc config set`"));
    }
    match status.mode.as_str() {
        "manual" => Ok(true),
        mode if mode == direction => Ok(false),
        mode => Err(
            Failure::new(format!("this AMS is set up to {mode}, not to {direction}")).with_hint(
                format!("`amc config set registry.mode {direction}` changes that"),
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(mode: &str, url: &str) -> RegistryStatus {
        RegistryStatus {
            mode: mode.to_owned(),
            url: url.to_owned(),
            ..RegistryStatus::default()
        }
    }

    #[test]
    fn a_round_goes_only_the_way_of_the_mode() {
        let url = "https://registry:3000";
        assert_eq!(mode_allows(&status("pull", url), "pull"), Ok(false));
        assert_eq!(mode_allows(&status("manual", url), "pull"), Ok(true));
        let other = mode_allows(&status("push", url), "pull").unwrap_err();
        assert_eq!(other.message(), "this AMS is set up to push, not to pull");
        let none = mode_allows(&status("pull", ""), "pull").unwrap_err();
        assert_eq!(none.message(), "no registry is set up");
    }
}
