use crate::{FaultProxy, TestAms, TestRegistry};

/// What an AMS does with its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It publishes.
    Push,
    /// It receives.
    Pull,
    /// Nothing by itself, as a publisher.
    Manual,
}

/// A registry with a publisher and a client that know each other, each behind a network that can
/// be made to fail.
#[derive(Debug)]
pub struct Fleet {
    /// The registry.
    pub registry: TestRegistry,
    /// The publisher.
    pub publisher: TestAms,
    /// The client.
    pub client: TestAms,
    /// The network between the publisher and the registry.
    pub publisher_network: FaultProxy,
    /// The network between the client and the registry.
    pub client_network: FaultProxy,
}

impl Fleet {
    /// Starts all three and sets them up; from then on they are in step.
    pub fn start() -> Self {
        Self::introduced().in_step()
    }

    /// Starts both AMS with an environment and sets them up for a registry; from then on all three
    /// are in step.
    pub fn start_on(registry: TestRegistry, environment: &[(&str, &str)]) -> Self {
        Self::introduced_to(registry, environment).in_step()
    }

    fn in_step(self) -> Self {
        self.publisher.set(&[("registry.mode", "push")]);
        self.client.set(&[("registry.mode", "pull")]);
        self
    }

    /// Starts all three and lets them know each other; both AMS are in manual mode.
    pub fn introduced() -> Self {
        Self::introduced_to(TestRegistry::start(), &[])
    }

    /// The same, and every image passes through the registry: the networks see them all.
    pub fn served() -> Self {
        Self::introduced_to(TestRegistry::start_serving(), &[])
    }

    /// Starts both AMS with an environment and lets them know a registry; both are in manual mode.
    pub fn introduced_to(registry: TestRegistry, environment: &[(&str, &str)]) -> Self {
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
        fleet.introduce(&fleet.publisher, &fleet.publisher_network, "publisher");
        fleet.introduce(&fleet.client, &fleet.client_network, "client");
        fleet
    }

    fn introduce(&self, ams: &TestAms, network: &FaultProxy, role: &str) {
        ams.introduce(&self.registry, &network.url(), role);
    }

    /// One more AMS, known to the registry and in the given mode.
    pub fn join(&self, architecture: &str, mode: Mode) -> TestAms {
        let ams = TestAms::start_for(architecture);
        let (role, mode) = match mode {
            Mode::Push => ("publisher", "push"),
            Mode::Pull => ("client", "pull"),
            Mode::Manual => ("publisher", "manual"),
        };
        ams.set(&[("registry.mode", "manual")]);
        ams.introduce(&self.registry, &self.registry.url(), role);
        ams.set(&[("registry.mode", mode)]);
        ams
    }
}
