use aar_client::{ClientOptions, RegistryClient};
use aar_sync::{AgentConfig, RegistryConfig};
use aar_tls::Identity;
use aar_types::{Clock, Fingerprint};
use url::Url;

use crate::{
    config::{Config, RegistryTarget},
    error::chain,
    trust::Trust,
};

/// What it takes to talk to the registry.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) trust: Trust,
    pub(super) identity: Identity,
    pub(super) clock: Clock,
}

impl Connector {
    /// What the configuration says of the registry.
    pub(super) fn target(&self) -> RegistryTarget {
        self.config.current().registry()
    }

    /// What everything else depends on: the target, and whether its certificate is trusted.
    pub(super) fn basis(&self) -> (RegistryTarget, bool) {
        let target = self.target();
        let trusted = target
            .fingerprint
            .is_some_and(|pin| self.trust.contains(&pin));
        (target, trusted)
    }

    /// The configuration of the agent, or what is wrong with it. The registry is accepted only if
    /// its certificate is named in the configuration and is in the trust store as well.
    pub(super) fn configuration(&self) -> RegistryConfig {
        let (target, trusted) = self.basis();
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
            Some(pin) => self.connect(url, pin, target),
        }
    }

    fn connect(&self, url: Url, pin: Fingerprint, target: RegistryTarget) -> RegistryConfig {
        let options = ClientOptions {
            proxy: target.proxy,
            clock: self.clock.clone(),
            ..ClientOptions::new(url, pin, self.identity.clone())
        };
        match RegistryClient::new(options) {
            Ok(client) => RegistryConfig::Configured(AgentConfig {
                client,
                mode: target.mode,
                interval: target.interval,
                tags: target.filter,
            }),
            Err(error) => RegistryConfig::Invalid(chain(&error)),
        }
    }
}
