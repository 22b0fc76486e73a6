//! Configures the agent from the configuration and the trust store, and again after each change.

use std::{future::pending, sync::Arc};

use aar_client::{ClientOptions, RegistryClient};
use aar_sync::{Agent, AgentConfig, RegistryConfig};
use aar_tls::{Certificate, Identity};
use aar_types::{Fingerprint, Medium, error_chain, printable};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::{
    applications::Applications,
    config::{ConfigValues, RegistryTarget},
    services::Services,
};

/// The number of trusted certificates that a message names.
const NAMED: usize = 5;

/// The changes of the registry's configuration.
pub(super) struct TargetChanges {
    source: AgentConfigSource,
    config: watch::Receiver<Arc<ConfigValues>>,
    trust: watch::Receiver<u64>,
    applied: (RegistryTarget, bool),
}

impl TargetChanges {
    /// Waits for the next one. Most items do not concern the registry and must not cancel a running round.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                Ok(()) = self.config.changed() => {}
                Ok(()) = self.trust.changed() => {}
                else => return pending().await,
            }
            let target = self.source.trusted_target();
            if target != self.applied {
                self.applied = target;
                return;
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct AgentConfigSource {
    pub(super) services: Services,
    /// The client certificate for the registry.
    pub(super) identity: Identity,
}

impl AgentConfigSource {
    pub(super) fn target(&self) -> RegistryTarget {
        self.services.config.current().registry()
    }

    /// The target, and whether its certificate is trusted: the agent depends on nothing else.
    fn trusted_target(&self) -> (RegistryTarget, bool) {
        let target = self.target();
        let trust = &self.services.trust;
        let trusted = target.fingerprint.is_some_and(|pin| trust.contains(&pin));
        (target, trusted)
    }

    /// Follows what [`registry_config`](Self::registry_config) depends on.
    pub(super) fn changes(&self) -> TargetChanges {
        TargetChanges {
            config: self.services.config.changes(),
            trust: self.services.trust.changes(),
            applied: self.trusted_target(),
            source: self.clone(),
        }
    }

    /// A registry is accepted only if the configuration names its certificate and the trust store
    /// contains it.
    pub(super) fn registry_config(&self) -> RegistryConfig {
        let (target, trusted) = self.trusted_target();
        let Some(url) = target.url.clone() else {
            return RegistryConfig::NotConfigured;
        };
        match target.fingerprint {
            None => RegistryConfig::Invalid(
                "registry.url is set, but registry.fingerprint is not: set it to the fingerprint \
                 of the registry's certificate"
                    .to_owned(),
            ),
            Some(pin) if !trusted => RegistryConfig::Invalid(self.not_trusted(pin)),
            Some(pin) => self.agent_config(url, pin, target),
        }
    }

    fn not_trusted(&self, pin: Fingerprint) -> String {
        let trusted = self.services.trust.list();
        let mut names: Vec<_> = trusted.iter().take(NAMED).map(describe).collect();
        match trusted.len() {
            0 => names.push("nothing".to_owned()),
            all if all > NAMED => names.push(format!("{} more", all - NAMED)),
            _ => {}
        }
        let trusted = names.join(", ");
        format!(
            "registry.fingerprint is {pin}, but no trusted certificate has it: add the certificate of \
             the registry with `amc config trust add`, or correct the fingerprint; trusted: {trusted}"
        )
    }

    fn agent_config(&self, url: Url, pin: Fingerprint, target: RegistryTarget) -> RegistryConfig {
        let options = ClientOptions {
            proxy: target.proxy,
            insecure_redirects: target.insecure_redirects,
            clock: self.services.clock.clone(),
            ..ClientOptions::new(url, pin, self.identity.clone())
        };
        match RegistryClient::new(options) {
            Ok(client) => RegistryConfig::Configured(AgentConfig {
                client,
                mode: target.mode,
                interval: target.interval,
                tags: target.filter,
            }),
            Err(error) => RegistryConfig::Invalid(error_chain(&error)),
        }
    }

    /// Starts the agent, and reports changes of the configuration, of the trust store and of local
    /// applications to it. No change during the start is lost, as the subscriptions come first.
    pub(super) fn start_agent(
        &self,
        applications: &Applications,
        spawn: impl FnOnce(RegistryConfig) -> Agent,
    ) -> (Agent, AbortOnDropHandle<()>) {
        let mut changes = self.changes();
        let mut local = applications.changes();
        let source = self.clone();
        let agent = spawn(source.registry_config());
        let notified = agent.clone();
        let watch = tokio::spawn(async move {
            loop {
                tokio::select! {
                    Ok(()) = local.changed() => notified.local_changed(),
                    () = changes.next() => notified.reconfigure(source.registry_config()),
                }
            }
        });
        (agent, AbortOnDropHandle::new(watch))
    }
}

/// The beginning of the fingerprint, which commands accept, and the name of a certificate.
fn describe(certificate: &Certificate) -> String {
    let fingerprint = certificate.fingerprint().to_string();
    let short = fingerprint.get(..12).unwrap_or(&fingerprint);
    let name = certificate.common_name().unwrap_or("no name");
    format!("{short} ({})", printable(name, Medium::Line))
}
