//! Pushing and pulling on request: one application, several in turn, or a whole round.

use std::time::Duration;

use aar_cli::Failure;
use aar_types::parse_duration;
use ams_api::{AmsClient, Operation, RegistryStatus, Round, RoundCounts, SyncPost};
use clap::Args;

use super::{counts, transfers};
use crate::{operation, session::Session};

/// There is no default: how long is too long depends on the size of the images and the network.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct LimitArgs {
    /// Longest time to wait, such as 90s or 1h30m [default: no limit]
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

/// Requests to exchange applications with the registry, with progress bars and a report.
pub(super) struct Exchange<'a> {
    session: &'a Session,
    client: &'a AmsClient,
    limit: Option<Duration>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(session: &'a Session, client: &'a AmsClient, limit: LimitArgs) -> Self {
        Self {
            session,
            client,
            limit: limit.timeout,
        }
    }

    /// Pushes or pulls one application.
    pub(super) async fn one(
        &self,
        request: impl Future<Output = Result<Option<Operation>, ams_api::Error>>,
    ) -> anyhow::Result<()> {
        // The exchange itself succeeds even where AMS does not report its rounds.
        let before = self.last_round().await.ok().flatten();
        self.run(request).await?;
        let after = self.last_round().await.ok().flatten();
        if let Some(round) = after.filter(|after| before.as_ref() != Some(after)) {
            self.report_counts(round.counts, true);
        }
        Ok(())
    }

    /// In manual mode there are no rounds, and applications are exchanged one at a time.
    pub(super) async fn is_manual(&self, direction: &str) -> anyhow::Result<bool> {
        let status = self.client.registry_status().await?;
        Ok(is_manual(&status, direction)?)
    }

    /// Pushes or pulls applications one after the other, also after one of them has failed.
    pub(super) async fn each<F>(
        &self,
        done: &str,
        names: Vec<String>,
        request: impl Fn(String) -> F,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = Result<Option<Operation>, ams_api::Error>>,
    {
        let mut report = BatchReport::default();
        let mut before = self.last_round().await?;
        for name in names {
            let result = self.run(request(name.clone())).await;
            let after = self.last_round().await?;
            if let Some(round) = after.as_ref().filter(|_| after != before) {
                report.counts += round.counts;
            }
            before = after;
            report.add(&name, result);
        }
        for failure in &report.failures {
            self.session.printer.warn(failure);
        }
        self.report_counts(report.counts, report.failures.is_empty());
        Ok(report.result(done)?)
    }

    pub(super) async fn round(&self, body: SyncPost) -> anyhow::Result<()> {
        let before = self.last_round().await?;
        let result = self.run(self.client.registry_sync(body)).await;
        let status = self.client.registry_status().await?;
        self.report_problems(&status);
        // After a wait that expired, the last round may still be the one before.
        let round = status
            .last_round
            .as_ref()
            .filter(|round| result.is_ok() || before.as_ref() != Some(round));
        if let Some(round) = round {
            self.report_counts(round.counts, result.is_ok());
        }
        result
    }

    async fn run(
        &self,
        request: impl Future<Output = Result<Option<Operation>, ams_api::Error>>,
    ) -> anyhow::Result<()> {
        let work = operation::complete(self.client, self.limit, request);
        transfers::with_bars(&self.session.printer, self.client, work).await
    }

    async fn last_round(&self) -> Result<Option<Round>, ams_api::Error> {
        Ok(self.client.registry_status().await?.last_round)
    }

    fn report_counts(&self, counts: RoundCounts, succeeded: bool) {
        if let Some(text) = counts::describe(counts, succeeded) {
            self.session.printer.note(text);
        }
    }

    fn report_problems(&self, status: &RegistryStatus) {
        let printer = &self.session.printer;
        for conflict in &status.conflicts {
            printer.warn(format_args!(
                "conflict over {}: {}",
                conflict.application, conflict.reason
            ));
        }
        if let Some(held) = &status.held {
            printer.warn(format_args!("removal held: {}", held.reason));
            printer.hint(
                "if this is right, `amc registry pull --confirm-removals` carries it out once",
            );
        }
    }
}

/// The results of several applications.
#[derive(Debug, Default)]
struct BatchReport {
    total: usize,
    counts: RoundCounts,
    /// A line for each application that failed.
    failures: Vec<String>,
}

impl BatchReport {
    fn add(&mut self, name: &str, result: anyhow::Result<()>) {
        self.total += 1;
        let Err(error) = result else {
            return;
        };
        let failure = Failure::from_error(error.as_ref());
        let message = failure.message();
        let rest = message.strip_prefix(name);
        let names_it = rest.is_some_and(|rest| rest.starts_with([' ', ':']));
        self.failures.push(if names_it {
            message.to_owned()
        } else {
            format!("{name}: {message}")
        });
    }

    fn result(&self, done: &str) -> Result<(), Failure> {
        match self.failures.len() {
            0 => Ok(()),
            failed => Err(Failure::new(format!(
                "{failed} of {} applications could not be {done}",
                self.total
            ))),
        }
    }
}

/// Refuses a direction that the mode does not allow.
fn is_manual(status: &RegistryStatus, direction: &str) -> Result<bool, Failure> {
    if status.url.is_empty() {
        return Err(Failure::new("no registry is configured")
            .with_hint("set registry.url and registry.fingerprint with `amc config set`"));
    }
    match status.mode.as_str() {
        "manual" => Ok(true),
        mode if mode == direction => Ok(false),
        mode => Err(
            Failure::new(format!("cannot {direction}: registry.mode is {mode}")).with_hint(
                format!("`amc config set registry.mode {direction}` changes the mode"),
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
    fn exchange_against_the_mode_is_refused() {
        let url = "https://registry:3000";
        assert_eq!(is_manual(&status("pull", url), "pull"), Ok(false));
        assert_eq!(is_manual(&status("manual", url), "pull"), Ok(true));
        let other = is_manual(&status("push", url), "pull").unwrap_err();
        assert_eq!(other.message(), "cannot pull: registry.mode is push");
        let none = is_manual(&status("pull", ""), "pull").unwrap_err();
        assert_eq!(none.message(), "no registry is configured");
    }

    #[test]
    fn failed_application_is_named_once_and_counted() {
        let mut report = BatchReport::default();
        report.add("a", Ok(()));
        assert_eq!(report.result("pulled"), Ok(()));
        report.add("b", Err(anyhow::anyhow!("no space left")));
        report.add("c", Err(anyhow::anyhow!("c 0: is damaged")));
        report.add("n", Err(anyhow::anyhow!("no space left")));
        let lines = ["b: no space left", "c 0: is damaged", "n: no space left"];
        assert_eq!(report.failures, lines);
        let failure = report.result("pulled").unwrap_err();
        let expected = "3 of 4 applications could not be pulled";
        assert_eq!(failure.message(), expected);
    }
}
