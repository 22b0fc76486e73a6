//! The registry agent, and requests to the registry.
//!
//! The agent ([`aar_sync`]) keeps the applications in sync as the configuration says.

mod agent_config;
mod catalogue;
mod metrics;
mod site_reporter;
mod view;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use aar_client::{ListFilter, RegistryClient};
use aar_sync::{Agent, RegistryConfig, RoundRefused, RoundReport, SyncMode};
use aar_tls::Identity;
use aar_types::{ApplicationName, Architecture};
use ams_api::{Operation, RegistryApplication, RegistryStatus};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Error,
    applications::Applications,
    operations::{NewOperation, OperationContext},
    services::Services,
};
use agent_config::AgentConfigSource;

pub(crate) use catalogue::AgentCatalogue;
pub(crate) use metrics::AgentMetrics;

/// How often the progress of a transfer is read.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct RegistrySync(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    agent: Agent,
    config: AgentConfigSource,
    applications: Applications,
    services: Services,
    config_watch: AbortOnDropHandle<()>,
    site_reports: AbortOnDropHandle<()>,
}

impl RegistrySync {
    pub(crate) fn start(
        services: &Services,
        applications: &Applications,
        identity: &Identity,
    ) -> Self {
        let config = AgentConfigSource {
            services: services.clone(),
            identity: identity.clone(),
        };
        let catalogue = Arc::new(AgentCatalogue::new(services.clone()));
        let (agent, config_watch) = config.start_agent(applications, |config| {
            Agent::spawn(catalogue, config, services.clock.clone())
        });
        let site = site_reporter::Site {
            architecture: services.architecture,
            images: services.images.folder().to_owned(),
        };
        Self(Arc::new(Inner {
            site_reports: site_reporter::start(&agent, &config, site),
            agent,
            config,
            applications: applications.clone(),
            services: services.clone(),
            config_watch,
        }))
    }

    pub async fn status(&self) -> Result<RegistryStatus, Error> {
        let known = self.0.services.store.known_registry().await?;
        let target = self.0.config.target();
        Ok(view::status(
            self.0.agent.status(),
            &target,
            self.0.applications.architecture(),
            known,
        ))
    }

    pub(crate) fn metrics(&self) -> AgentMetrics {
        AgentMetrics::new(&self.0.agent.status(), &self.0.services.arrivals)
    }

    /// Of all architectures.
    pub async fn applications(&self) -> Result<Vec<RegistryApplication>, Error> {
        let listing = self.client()?.list(&ListFilter::default()).await?;
        Ok(listing.applications.iter().map(view::application).collect())
    }

    /// Starts to push a local application.
    pub async fn push(&self, id_or_name: &str) -> Result<Operation, Error> {
        self.refuse_in(
            SyncMode::Pull,
            "this AMS follows the registry and does not push to it",
        )?;
        self.client()?;
        let application = self.0.applications.expect(id_or_name).await?;
        application.edit_permit()?;
        let new = operation("Pushing application", &application.name);
        let (agent, name) = (self.0.agent.clone(), application.name);
        Ok(self.0.services.operations.start(new, async move |context| {
            let round = agent.push_one(name.clone());
            let round = with_progress(&agent, &context, &name, round);
            context.unless_cancelled(outcome(round)).await
        }))
    }

    /// Starts to pull an application.
    pub fn pull(&self, name: &ApplicationName) -> Result<Operation, Error> {
        self.refuse_in(
            SyncMode::Push,
            "this AMS publishes to the registry and does not pull from it",
        )?;
        self.client()?;
        let (agent, name) = (self.0.agent.clone(), name.clone());
        let new = operation("Pulling application", &name);
        Ok(self.0.services.operations.start(new, async move |context| {
            let round = agent.pull_one(name.clone());
            let round = with_progress(&agent, &context, &name, round);
            context.unless_cancelled(outcome(round)).await
        }))
    }

    /// Starts to delete an application in the registry, for the architecture of this AMS.
    pub async fn delete(&self, name: &ApplicationName) -> Result<Operation, Error> {
        let (client, agent) = (self.client()?, self.0.agent.clone());
        let name = name.clone();
        let architecture = self.0.applications.architecture();
        let missing = Error::NotInRegistry(name.clone(), architecture);
        if !exists(&client, &name, architecture).await? {
            return Err(missing);
        }
        let new = operation("Deleting application from the registry", &name);
        let services = self.0.services.clone();
        Ok(self.0.services.operations.start(new, async move |context| {
            let delete = async move {
                let _lock = services.lock_application(&name).await;
                let removed = client.delete_application(&name, Some(architecture)).await?;
                agent.deleted_in_registry(name);
                removed.then_some(()).ok_or(missing)
            };
            // It completes after a cancellation: the agent has to learn of the deletion.
            let deletion = async { tokio::spawn(delete).await? };
            context.unless_cancelled(deletion).await
        }))
    }

    /// Starts a full round, or joins the running one. A confirmation is for the removals that are held
    /// now.
    pub fn sync_now(&self, confirm_removals: bool) -> Result<Operation, Error> {
        self.client()?;
        let agent = self.0.agent.clone();
        let confirmed = agent.status().held.filter(|_| confirm_removals);
        let address = "/1.0/registry/status".to_owned();
        let new = NewOperation::on("Synchronising with the registry", "registry", address);
        Ok(self
            .0
            .services
            .operations
            .start(new.cancellable(), async move |context| {
                let round = outcome(agent.sync_now(confirmed));
                context.unless_cancelled(round).await
            }))
    }

    pub(crate) async fn stop(&self) {
        self.0.config_watch.abort();
        self.0.site_reports.abort();
        self.0.agent.stop().await;
    }

    fn client(&self) -> Result<RegistryClient, Error> {
        match self.0.config.registry_config() {
            RegistryConfig::Configured(config) => Ok(config.client),
            RegistryConfig::NotConfigured => Err(not_configured(&RoundRefused::NotConfigured)),
            RegistryConfig::Invalid(why) => Err(Error::RegistryNotConfigured(why)),
        }
    }

    fn refuse_in(&self, mode: SyncMode, why: &str) -> Result<(), Error> {
        let configured = self.0.config.target().mode;
        if configured == mode {
            return Err(Error::WrongMode(format!("registry.mode is {mode}: {why}")));
        }
        Ok(())
    }
}

async fn exists(
    client: &RegistryClient,
    name: &ApplicationName,
    architecture: Architecture,
) -> Result<bool, Error> {
    let found = client.application(name).await?;
    let mut variants = found.iter().flat_map(|it| &it.variants);
    Ok(variants.any(|variant| variant.architecture == architecture))
}

fn operation(description: &str, name: &ApplicationName) -> NewOperation {
    let address = format!("/1.0/registry/applications/{name}");
    NewOperation::on(description, "applications", address).cancellable()
}

fn not_configured(refused: &RoundRefused) -> Error {
    Error::RegistryNotConfigured(refused.to_string())
}

/// A requested round is a success only if nothing failed, conflicts or is held.
async fn outcome(
    round: impl Future<Output = Result<RoundReport, RoundRefused>>,
) -> Result<(), Error> {
    let report = round.await.map_err(|refused| match refused {
        RoundRefused::ManualMode => Error::WrongMode(refused.to_string()),
        other => not_configured(&other),
    })?;
    match view::failure_message(&report) {
        Some(sentence) => Err(Error::Round(sentence)),
        None => Ok(()),
    }
}

/// Waits for a round and reports the transfer of an application as progress.
async fn with_progress<T>(
    agent: &Agent,
    context: &OperationContext,
    name: &ApplicationName,
    round: impl Future<Output = T>,
) -> T {
    let mut round = pin!(round);
    let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            result = &mut round => return result,
            _ = interval.tick() => {
                let transfers = agent.status().transfers;
                if let Some(it) = transfers.iter().find(|transfer| transfer.name == *name) {
                    context.progress(it.bytes, it.total);
                }
            }
        }
    }
}
