//! Configures the agent from the configuration and the trust store, and again after each change.

use aar_client::{ClientOptions, RegistryClient};
use aar_sync::{Agent, AgentConfig, RegistryConfig};
use aar_tls::Identity;
use aar_types::{Fingerprint, error_chain};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::{applications::Applications, config::RegistryTarget, services::Services};

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
            Some(pin) if !trusted => RegistryConfig::Invalid(format!(
                "the certificate {pin} of the registry is not in the trust store: add it with \
                 `amc config trust add`"
            )),
            Some(pin) => self.agent_config(url, pin, target),
        }
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
        let mut config = self.services.config.changes();
        let mut trust = self.services.trust.changes();
        let mut local = applications.changes();
        let source = self.clone();
        let mut applied = source.trusted_target();
        let agent = spawn(source.registry_config());
        let notified = agent.clone();
        let watch = tokio::spawn(async move {
            loop {
                tokio::select! {
                    Ok(()) = local.changed() => {
                        notified.local_changed();
                        continue;
                    }
                    Ok(()) = config.changed() => {}
                    Ok(()) = trust.changed() => {}
                    else => return,
                }
                // Most items do not concern the registry and must not cancel a running round.
                let target = source.trusted_target();
                if target != applied {
                    notified.reconfigure(source.registry_config());
                    applied = target;
                }
            }
        });
        (agent, AbortOnDropHandle::new(watch))
    }
}
