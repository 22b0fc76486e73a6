//! Pushing and pulling by hand: one application, or a whole round.

use std::time::Duration;

use aar_cli::Failure;
use aar_types::parse_duration;
use ams_api::{
    AmsClient, ApplicationFilter, Operation, RegistryApplication, RegistryStatus, Round,
    RoundCounts, SyncPost,
};
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
    #[arg(long, conflicts_with = "name")]
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

pub(crate) async fn pull(session: &Session, arguments: &PullArgs) -> anyhow::Result<()> {
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
            let reason =
                "registry.mode is manual: no removals are held back that could be confirmed";
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

/// What the registry has no business with are applications that came from there.
async fn published_names(client: &AmsClient) -> anyhow::Result<Vec<String>> {
    let mut filter = ApplicationFilter::default();
    filter.set("published", "true")?;
    filter.set("immutable", "false")?;
    let applications = client.applications(&filter).await?;
    Ok(applications.into_iter().map(|one| one.name).collect())
}

/// What the registry has for other architectures only is not for this AMS.
async fn offered_names(client: &AmsClient) -> anyhow::Result<Vec<String>> {
    let own = client.registry_status().await?.architecture;
    let applications = client.registry_applications().await?;
    let offered = applications.into_iter().filter(|one| is_for(&own, one));
    Ok(offered.map(|one| one.name).collect())
}

/// An AMS that does not tell its architecture finds out by itself what is not for it.
fn is_for(own: &str, application: &RegistryApplication) -> bool {
    own.is_empty() || application.architectures.iter().any(|it| it == own)
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

    /// Asks for one application, and tells what was done.
    async fn one(
        &self,
        ask: impl Future<Output = Result<Option<Operation>, ams_api::Error>>,
    ) -> anyhow::Result<()> {
        // That an AMS does not tell what it did is no failure.
        let before = self.last_round().await.ok().flatten();
        self.run(ask).await?;
        let after = self.last_round().await.ok().flatten();
        if let Some(round) = after.filter(|after| before.as_ref() != Some(after)) {
            self.report_counts(round.counts, true);
        }
        Ok(())
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

    /// Asks for one application after the other. One that fails does not keep the others.
    async fn each<F>(
        &self,
        done: &str,
        names: Vec<String>,
        ask: impl Fn(String) -> F,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = Result<Option<Operation>, ams_api::Error>>,
    {
        let mut tally = Tally::default();
        let mut before = self.last_round().await?;
        for name in names {
            let result = self.run(ask(name.clone())).await;
            let after = self.last_round().await?;
            if let Some(round) = after.as_ref().filter(|_| after != before) {
                tally.counts += round.counts;
            }
            before = after;
            tally.add(&name, result);
        }
        for failure in &tally.failures {
            self.session.printer.warn(failure);
        }
        self.report_counts(tally.counts, tally.failures.is_empty());
        Ok(tally.outcome(done)?)
    }

    async fn last_round(&self) -> Result<Option<Round>, ams_api::Error> {
        Ok(self.client.registry_status().await?.last_round)
    }

    async fn round(&self, body: SyncPost) -> anyhow::Result<()> {
        let before = self.last_round().await?;
        let done = self.run(self.client.registry_sync(body)).await;
        let status = self.client.registry_status().await?;
        self.report(&status);
        let ended = status.last_round.as_ref().filter(|round| {
            // What is told of a round that was not waited for is that of another one.
            done.is_ok() || before.as_ref() != Some(round)
        });
        if let Some(round) = ended {
            self.report_counts(round.counts, done.is_ok());
        }
        done
    }

    fn report_counts(&self, counts: RoundCounts, succeeded: bool) {
        if let Some(told) = super::status::counts(counts, succeeded) {
            self.session.printer.note(told);
        }
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
    }
}

/// What came of many applications.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    counts: RoundCounts,
    /// A line for each application that failed.
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, name: &str, result: anyhow::Result<()>) {
        self.asked += 1;
        let Err(error) = result else {
            return;
        };
        let failure = Failure::from_error(error.as_ref());
        let message = failure.message();
        let rest = message.strip_prefix(name);
        let named = rest.is_some_and(|rest| rest.starts_with([' ', ':']));
        self.failures.push(if named {
            message.to_owned()
        } else {
            format!("{name}: {message}")
        });
    }

    fn outcome(&self, done: &str) -> Result<(), Failure> {
        match self.failures.len() {
            0 => Ok(()),
            failed => Err(Failure::new(format!(
                "{failed} of {} applications could not be {done}",
                self.asked
            ))),
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

    #[test]
    fn an_application_that_fails_is_named_once_and_counted() {
        let mut tally = Tally::default();
        tally.add("a", Ok(()));
        assert_eq!(tally.outcome("pulled"), Ok(()));
        tally.add("b", Err(anyhow::anyhow!("no space left")));
        tally.add("c", Err(anyhow::anyhow!("c 0: is damaged")));
        tally.add("n", Err(anyhow::anyhow!("no space left")));
        let lines = ["b: no space left", "c 0: is damaged", "n: no space left"];
        assert_eq!(tally.failures, lines);
        let failure = tally.outcome("pulled").unwrap_err();
        let expected = "3 of 4 applications could not be pulled";
        assert_eq!(failure.message(), expected);
    }

    #[test]
    fn what_is_for_other_architectures_only_is_not_asked_for() {
        let game = RegistryApplication {
            architectures: vec!["arm64".to_owned()],
            ..RegistryApplication::default()
        };
        assert!(is_for("arm64", &game));
        assert!(!is_for("amd64", &game));
        assert!(is_for("", &game));
    }
}
