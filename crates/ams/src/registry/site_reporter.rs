//! Reports to the registry how this AMS stands.

use std::{future::pending, path::PathBuf, time::Duration};

use aar_client::RegistryClient;
use aar_fs::Volume;
use aar_sync::{Agent, AgentConfig, AgentStatus, RegistryConfig, SyncMode, SyncState};
use aar_types::{
    Architecture, ExceptionState, FLEET_EXTENSION, Revision, SiteException, SiteMode, SiteReport,
    error_chain,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::agent_config::AgentConfigSource;

/// A report is sent at least this often, so that the registry knows that the site is alive.
const PERIOD: Duration = Duration::from_mins(1);
/// The shortest time between two reports.
const SHORTEST: Duration = Duration::from_secs(1);
/// How often the progress of transfers is reported.
const PROGRESS: Duration = Duration::from_secs(5);
/// The pause after a failed request.
const RETRY: Duration = Duration::from_secs(15);
/// How often a registry without the extension is asked again.
const EXTENSION: Duration = Duration::from_mins(10);

/// The facts that stay the same while AMS runs.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) architecture: Architecture,
    /// The folder of the images.
    pub(super) images: PathBuf,
}

/// Reports until the handle is dropped.
pub(super) fn start(
    agent: &Agent,
    config: &AgentConfigSource,
    site: Site,
) -> AbortOnDropHandle<()> {
    let (agent, config) = (agent.clone(), config.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut changes = config.changes();
        loop {
            let target = config.registry_config();
            let reports = report_to(target, &agent, &site);
            tokio::select! {
                () = reports => {}
                () = changes.next() => {}
            }
        }
    }))
}

/// Reports to one registry; waits if none is configured.
async fn report_to(target: RegistryConfig, agent: &Agent, site: &Site) {
    let RegistryConfig::Configured(target) = target else {
        return pending().await;
    };
    wait_for_extension(&target.client).await;
    let reporter = Reporter {
        agent,
        site,
        target,
        status: agent.watch(),
        applied: None,
        is_failing: false,
    };
    reporter.run().await;
    // It has the extension, but not the route.
    tokio::time::sleep(EXTENSION).await;
}

/// A registry without the extension is not told.
async fn wait_for_extension(client: &RegistryClient) {
    loop {
        match client.info().await {
            Ok(info) if info.api_extensions.iter().any(|it| it == FLEET_EXTENSION) => return,
            Ok(_) => tokio::time::sleep(EXTENSION).await,
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

struct Reporter<'a> {
    agent: &'a Agent,
    site: &'a Site,
    target: AgentConfig,
    status: watch::Receiver<AgentStatus>,
    /// The last revision without exceptions.
    applied: Option<Revision>,
    /// Whether the last report was not taken.
    is_failing: bool,
}

impl Reporter<'_> {
    /// Ends when the registry has no route for reports.
    async fn run(mut self) {
        let mut sent: Option<(Instant, SiteReport)> = None;
        loop {
            self.status.mark_unchanged();
            let report = self.report();
            let is_due = self.is_failing
                || sent
                    .as_ref()
                    .is_none_or(|(at, last)| *last != report || at.elapsed() >= PERIOD);
            if is_due {
                let ended = self.target.client.report_site(&report).await;
                if self.has_no_route(ended) {
                    return;
                }
                sent = Some((Instant::now(), report));
            }
            tokio::time::sleep(SHORTEST).await;
            self.wait().await;
        }
    }

    /// Notes whether a report was taken, and logs the first of several failures.
    fn has_no_route(&mut self, ended: Result<(), aar_client::Error>) -> bool {
        let failed_before = self.is_failing;
        self.is_failing = ended.is_err();
        let Err(error) = ended else {
            return false;
        };
        if !failed_before {
            let cause = error_chain(&error);
            tracing::info!(%cause, "the registry did not take the report of this site");
        }
        error.code().is_some_and(|code| code.status() == 404)
    }

    /// Waits for a change of the status, for the progress of transfers, or for the end of the period.
    async fn wait(&mut self) {
        let is_moving = !self.agent.status().transfers.is_empty();
        let limit = match (self.is_failing, is_moving) {
            (true, _) => RETRY,
            (false, true) => PROGRESS,
            (false, false) => PERIOD,
        };
        let _ = tokio::time::timeout(limit, self.status.changed()).await;
    }

    fn report(&mut self) -> SiteReport {
        let status = self.agent.status();
        let mut exceptions = exceptions(&status);
        let is_in_step = exceptions.is_empty() && !status.running;
        if is_in_step && status.compared.is_some() {
            self.applied = status.compared;
        }
        let more = exceptions.len().saturating_sub(SiteReport::MAX_ENTRIES);
        exceptions.truncate(SiteReport::MAX_ENTRIES);
        let filter = self.target.tags.iter().take(SiteReport::MAX_ENTRIES);
        SiteReport {
            name: shortened(&host_name(), SiteReport::MAX_NAME),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            architecture: self.site.architecture,
            mode: match self.target.mode {
                SyncMode::Pull => SiteMode::Pull,
                SyncMode::Push => SiteMode::Push,
                SyncMode::Manual => SiteMode::Manual,
            },
            filter: filter
                .map(|tag| shortened(tag, SiteReport::MAX_NAME))
                .collect(),
            revision: status.compared,
            applied_revision: self.applied,
            exceptions,
            more_exceptions: more as u64,
            free_bytes: self.free_bytes(),
        }
    }

    /// Rounded down to GiB: a small change is no reason for a report.
    fn free_bytes(&self) -> Option<u64> {
        let volume = Volume::of(&self.site.images).ok()?;
        Some(volume.free >> 30 << 30)
    }
}

/// Failures first: they are what an operator looks for if there are too many.
fn exceptions(status: &AgentStatus) -> Vec<SiteException> {
    let mut found: Vec<_> = status
        .applications
        .iter()
        .filter_map(|application| {
            let state = match application.state {
                SyncState::Synced => return None,
                SyncState::Pending => ExceptionState::Pending,
                SyncState::Building => ExceptionState::Building,
                SyncState::Failed => ExceptionState::Failed,
                SyncState::Conflict => ExceptionState::Conflict,
                SyncState::Held => ExceptionState::Held,
            };
            let mut transfers = status.transfers.iter();
            let transfer = transfers.find(|transfer| transfer.name == application.name);
            let reason = application.error.as_deref().unwrap_or_default();
            Some(SiteException {
                application: application.name.clone(),
                version: transfer.map(|transfer| transfer.version),
                state,
                reason: shortened(reason, SiteReport::MAX_REASON),
                bytes: transfer.map(|transfer| transfer.bytes),
                total: transfer.map(|transfer| transfer.total),
            })
        })
        .collect();
    found.sort_by_key(|exception| exception.state == ExceptionState::Pending);
    found
}

fn host_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// The first characters of a text.
fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use aar_sync::{ApplicationState, SyncDirection, TransferStatus};

    use super::*;

    fn application(name: &str, state: SyncState) -> ApplicationState {
        ApplicationState {
            name: name.parse().unwrap(),
            state,
            error: (state == SyncState::Failed).then(|| "x".repeat(1000)),
        }
    }

    #[test]
    fn report_has_only_exceptions_with_failures_first_and_bounded_reasons() {
        let transfer = TransferStatus {
            name: "b".parse().unwrap(),
            version: aar_types::VersionNumber(3),
            direction: SyncDirection::Pull,
            bytes: 43,
            total: 100,
            bytes_per_second: 1,
        };
        let status = AgentStatus {
            applications: vec![
                application("a", SyncState::Synced),
                application("b", SyncState::Pending),
                application("c", SyncState::Failed),
            ],
            transfers: vec![transfer],
            ..AgentStatus::default()
        };
        let found = exceptions(&status);
        let names: Vec<_> = found.iter().map(|it| it.application.as_str()).collect();
        assert_eq!(names, ["c", "b"]);
        assert_eq!(found[0].reason.len(), SiteReport::MAX_REASON);
        assert_eq!((found[1].bytes, found[1].total), (Some(43), Some(100)));
    }
}
