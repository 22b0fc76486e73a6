use crate::{FaultProxy, TestAms, TestRegistry};

/// The registry mode of an AMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Push,
    Pull,
    /// With the role of a publisher.
    Manual,
}

/// A registry with a publisher and a client that trust each other, each behind a network that can be
/// made to fail.
#[derive(Debug)]
pub struct Fleet {
    pub registry: TestRegistry,
    pub publisher: TestAms,
    pub client: TestAms,
    /// Between the publisher and the registry.
    pub publisher_network: FaultProxy,
    /// Between the client and the registry.
    pub client_network: FaultProxy,
}

impl Fleet {
    /// Starts all three; the publisher pushes, the client pulls.
    pub fn start() -> Self {
        Self::start_manual().in_sync()
    }

    /// Starts both AMS with environment variables beside a registry; the publisher pushes, the client
    /// pulls.
    pub fn start_on(registry: TestRegistry, environment: &[(&str, &str)]) -> Self {
        Self::start_manual_on(registry, environment).in_sync()
    }

    fn in_sync(self) -> Self {
        self.publisher.set(&[("registry.mode", "push")]);
        self.client.set(&[("registry.mode", "pull")]);
        self
    }

    /// Starts all three; both AMS are in manual mode.
    pub fn start_manual() -> Self {
        Self::start_manual_on(TestRegistry::start(), &[])
    }

    /// Starts all three in manual mode. Every image passes through the registry and so through the
    /// networks, wherever it is stored.
    pub fn start_manual_without_redirects() -> Self {
        Self::start_manual_on(TestRegistry::start_without_redirects(), &[])
    }

    /// Starts both AMS in manual mode with environment variables beside a registry.
    pub fn start_manual_on(registry: TestRegistry, environment: &[(&str, &str)]) -> Self {
        let ams = || TestAms::start_with("amd64", environment);
        let (publisher, client) = (ams(), ams());
        let to = registry.address();
        let fleet = Self {
            publisher_network: FaultProxy::start(to),
            client_network: FaultProxy::start(to),
            registry,
            publisher,
            client,
        };
        for ams in [&fleet.publisher, &fleet.client] {
            ams.set(&[("registry.mode", "manual")]);
        }
        fleet.connect(&fleet.publisher, &fleet.publisher_network, "publisher");
        fleet.connect(&fleet.client, &fleet.client_network, "client");
        fleet
    }

    fn connect(&self, ams: &TestAms, network: &FaultProxy, role: &str) {
        ams.connect_to(&self.registry, &network.url(), role);
    }

    /// Starts one more AMS, connected to the registry directly.
    pub fn join(&self, architecture: &str, mode: Mode) -> TestAms {
        let ams = TestAms::start_for(architecture);
        let (role, mode) = match mode {
            Mode::Push => ("publisher", "push"),
            Mode::Pull => ("client", "pull"),
            Mode::Manual => ("publisher", "manual"),
        };
        ams.set(&[("registry.mode", "manual")]);
        ams.connect_to(&self.registry, &self.registry.url(), role);
        ams.set(&[("registry.mode", mode)]);
        ams
    }
}
