//! How this AMS stands to its registry: the agent that keeps both in step, and what people ask of
//! it by hand.
//!
//! The agent ([`aar_sync`]) is told what to do by the configuration. Every change of it, or of the
//! trust store, reaches it at once.

mod catalogue;
mod connect;
mod follow;
mod measure;
mod show;

use std::sync::Arc;

use aar_client::{ListFilter, RegistryClient};
use aar_sync::{Agent, RegistryConfig, RoundRefused, RoundReport, SyncMode};
use aar_tls::Identity;
use aar_types::{ApplicationName, Architecture};
use ams_api::{Operation, RegistryApplication, RegistryStatus};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Error,
    applications::Applications,
    arrivals::Arrivals,
    operations::{NewOperation, Operations},
    services::Services,
    store::Store,
};

pub(crate) use catalogue::Catalogue;
pub(crate) use measure::Measured;

/// The registry, as this AMS sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    agent: Agent,
    connector: connect::Connector,
    applications: Applications,
    store: Store,
    arrivals: Arrivals,
    operations: Operations,
    follower: AbortOnDropHandle<()>,
}

impl Registry {
    /// Starts the agent.
    pub(crate) fn start(base: &Services, applications: &Applications, identity: &Identity) -> Self {
        let connector = connect::Connector {
            config: base.config.clone(),
            trust: base.trust.clone(),
            identity: identity.clone(),
            clock: base.clock.clone(),
        };
        let catalogue = Arc::new(Catalogue::new(base.clone()));
        let (follower, agent) = follow::start(&connector, applications, |configuration| {
            Agent::spawn(catalogue, configuration, base.clock.clone())
        });
        Self(Arc::new(Inner {
            agent,
            connector,
            applications: applications.clone(),
            store: base.store.clone(),
            arrivals: base.arrivals.clone(),
            operations: base.operations.clone(),
            follower,
        }))
    }

    /// How the agent is doing.
    pub async fn status(&self) -> Result<RegistryStatus, Error> {
        let known = self.0.store.known_registry().await?;
        let target = self.0.connector.target();
        Ok(show::status(
            self.0.agent.status(),
            &target,
            self.0.applications.architecture(),
            known,
        ))
    }

    /// What is measured of the agent.
    pub(crate) fn measured(&self) -> Measured {
        Measured::of(&self.0.agent.status(), &self.0.arrivals)
    }

    /// The applications in the registry.
    pub async fn applications(&self) -> Result<Vec<RegistryApplication>, Error> {
        let listing = self.client()?.list(&ListFilter::default()).await?;
        Ok(listing.applications.iter().map(show::application).collect())
    }

    /// Begins to push an application that was made here.
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
        Ok(self.0.operations.start(new, async move |context| {
            let round = agent.push_one(name.clone());
            let round = follow::with_progress(&agent, &context, &name, round);
            context.unless_cancelled(outcome(round)).await
        }))
    }

    /// Begins to pull an application.
    pub fn pull(&self, name: &ApplicationName) -> Result<Operation, Error> {
        self.refuse_in(
            SyncMode::Push,
            "this AMS publishes to the registry and does not pull from it",
        )?;
        self.client()?;
        let (agent, name) = (self.0.agent.clone(), name.clone());
        let new = operation("Pulling application", &name);
        Ok(self.0.operations.start(new, async move |context| {
            let round = agent.pull_one(name.clone());
            let round = follow::with_progress(&agent, &context, &name, round);
            context.unless_cancelled(outcome(round)).await
        }))
    }

    /// Begins to delete, in the registry, the versions of an application that are for the
    /// architecture of this AMS.
    pub async fn delete(&self, name: &ApplicationName) -> Result<Operation, Error> {
        let (client, agent) = (self.client()?, self.0.agent.clone());
        let name = name.clone();
        let architecture = self.0.applications.architecture();
        let missing = Error::NotInRegistry(name.clone(), architecture);
        if !is_there(&client, &name, architecture).await? {
            return Err(missing);
        }
        let new = operation("Deleting application from the registry", &name);
        Ok(self.0.operations.start(new, async move |context| {
            let delete = async move {
                let removed = client.delete_application(&name, Some(architecture)).await?;
                agent.deleted_in_registry(name);
                removed.then_some(()).ok_or(missing)
            };
            // Once begun it goes on without whoever asked: what is done there is noted here.
            let begun = async { tokio::spawn(delete).await? };
            context.unless_cancelled(begun).await
        }))
    }

    /// Begins a round, or joins the one that is running. Where removals are confirmed, those are
    /// that are held back at this moment.
    pub fn sync_now(&self, confirm_removals: bool) -> Result<Operation, Error> {
        self.client()?;
        let agent = self.0.agent.clone();
        let confirmed = agent.status().held.filter(|_| confirm_removals);
        let address = "/1.0/registry/status".to_owned();
        let new = NewOperation::on("Synchronising with the registry", "registry", address);
        Ok(self
            .0
            .operations
            .start(new.cancellable(), async move |context| {
                let round = outcome(agent.sync_now(confirmed));
                context.unless_cancelled(round).await
            }))
    }

    pub(crate) async fn stop(&self) {
        self.0.follower.abort();
        self.0.agent.stop().await;
    }

    fn client(&self) -> Result<RegistryClient, Error> {
        match self.0.connector.configuration() {
            RegistryConfig::Configured(agent) => Ok(agent.client),
            RegistryConfig::NotConfigured => Err(not_configured(&RoundRefused::NotConfigured)),
            RegistryConfig::Invalid(why) => Err(Error::RegistryNotConfigured(why)),
        }
    }

    fn refuse_in(&self, mode: SyncMode, why: &str) -> Result<(), Error> {
        let configured = self.0.connector.target().mode;
        if configured == mode {
            return Err(Error::WrongMode(format!("registry.mode is {mode}: {why}")));
        }
        Ok(())
    }
}

async fn is_there(
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

/// A round that was asked for by hand failed unless everything is as it should be.
async fn outcome(
    round: impl Future<Output = Result<RoundReport, RoundRefused>>,
) -> Result<(), Error> {
    let report = round.await.map_err(|refused| match refused {
        RoundRefused::ManualMode => Error::WrongMode(refused.to_string()),
        other => not_configured(&other),
    })?;
    match show::shortcomings(&report) {
        Some(sentence) => Err(Error::Round(sentence)),
        None => Ok(()),
    }
}
