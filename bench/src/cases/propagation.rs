//! The time from the publication of an update on a publisher until a client offers it.

use std::time::Instant;

use aar_testkit::{Package, TestAms, TestRegistry};
use ams_api::{EventSelection, EventStream, LifecycleEvent, VersionStatus};
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::Case;
use crate::{
    bench_registry::api,
    plan::Plan,
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::Meter,
};

pub(crate) const CASE: Case = Case {
    name: "propagation",
    about: "the time from the publication of an update until a client offers it",
    run: measure,
};

const NAME: &str = "game";
const SIZE: u64 = 1 << 20;
/// The updates of a round.
const UPDATES: usize = 4;

fn measure(plan: &Plan) -> Vec<Comparison> {
    let mut fleet = DirectFleet::start();
    let runtime = Runtime::new().unwrap();
    let mut samples = Vec::new();
    // The first updates are the warm-up: from then on, each update also removes an old version.
    for number in 0..UPDATES + UPDATES * plan.rounds {
        fleet.prepare(number);
        let meters = fleet.meters();
        let milliseconds = runtime.block_on(fleet.propagate(number));
        if number >= UPDATES {
            samples.push(Sample {
                value: milliseconds,
                usage: meters.iter().map(Meter::read).collect(),
            });
        }
    }
    let goals = vec![Goal::AtMost(100.0)];
    let title = "from publication to usable, 1 MiB";
    vec![Comparison::new(title, Unit::Milliseconds, goals).with_samples(samples)]
}

/// A registry with a publisher and a client, without proxies.
struct DirectFleet {
    registry: TestRegistry,
    publisher: TestAms,
    client: TestAms,
}

impl DirectFleet {
    fn start() -> Self {
        let (registry, publisher, client) =
            (TestRegistry::start(), TestAms::start(), TestAms::start());
        for (ams, role, mode) in [
            (&publisher, "publisher", "push"),
            (&client, "client", "pull"),
        ] {
            ams.set(&[
                ("registry.mode", "manual"),
                ("application.auto_publish", "false"),
            ]);
            ams.connect_to(&registry, &registry.url(), role);
            ams.set(&[("registry.mode", mode)]);
        }
        Self {
            registry,
            publisher,
            client,
        }
    }

    /// Creates a version that is ready but not published, and waits until both agents are idle.
    fn prepare(&self, number: usize) {
        let package = self.publisher.base().join("package");
        Package::new(NAME)
            .noise("level.dat", SIZE, number as u64)
            .write_folder(&package);
        let path = package.to_str().unwrap();
        let created = match number {
            0 => self.publisher.amc(&["application", "create", path]),
            _ => self.publisher.amc(&["application", "update", NAME, path]),
        };
        created.success();
        for ams in [&self.publisher, &self.client] {
            ams.wait_for_status("a round has ended", |status| status["running"] == false);
        }
    }

    fn meters(&mut self) -> [Meter; 3] {
        [
            Meter::start("aar", self.registry.process().id()),
            Meter::start("ams (publisher)", self.publisher.process().id()),
            Meter::start("ams (client)", self.client.process().id()),
        ]
    }

    /// Publishes a version on the publisher, and waits for the event of its import on the client. Returns the
    /// milliseconds in between.
    async fn propagate(&self, number: usize) -> f64 {
        let (publisher, client) = (api(&self.publisher), api(&self.client));
        let number = u32::try_from(number).unwrap();
        let mut events = client.events(EventSelection::Lifecycle).await.unwrap();
        let start = Instant::now();
        publisher.set_published(NAME, number, true).await.unwrap();
        wait_for_import(&mut events).await;
        let elapsed = start.elapsed();
        let application = client.application(NAME).await.unwrap();
        let version = application.versions.last().unwrap();
        assert_eq!(version.number, number);
        assert!(version.published && version.status == VersionStatus::Ready);
        elapsed.as_secs_f64() * 1e3
    }
}

async fn wait_for_import(events: &mut EventStream) {
    loop {
        let event = events.next().await.unwrap().unwrap();
        let event = LifecycleEvent::deserialize(event.metadata).unwrap();
        if event.action == "application-version-imported" {
            return;
        }
    }
}
