//! An update, from the moment a publisher is asked to publish it until a client offers it.

use std::time::Instant;

use aar_testkit::{Package, TestAms, TestRegistry};
use ams_api::{EventSelection, EventStream, LifecycleEvent, VersionStatus};
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::Case;
use crate::{
    rounds::Plan,
    row::{Goal, Row, Unit},
    sample::Sample,
    site::api,
    usage::Meter,
};

pub(crate) const CASE: Case = Case {
    name: "propagation",
    about: "an update, from asking for its publication until a client offers it",
    run: measure,
};

const NAME: &str = "game";
const SIZE: u64 = 1 << 20;
/// The updates of a round.
const UPDATES: usize = 4;

fn measure(plan: &Plan) -> Vec<Row> {
    let mut fleet = Fleet::start();
    let runtime = Runtime::new().unwrap();
    let mut samples = Vec::new();
    // The first ones warm up: from then on, each update also retires an old version.
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
    let what = "from publication to usable, 1 MiB";
    vec![Row::new(what, Unit::Milliseconds, goals).ours(samples)]
}

/// A registry with a publisher and a client, and nothing in between.
struct Fleet {
    registry: TestRegistry,
    publisher: TestAms,
    client: TestAms,
}

impl Fleet {
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
            ams.introduce(&registry, &registry.url(), role);
            ams.set(&[("registry.mode", mode)]);
        }
        Self {
            registry,
            publisher,
            client,
        }
    }

    /// Makes a version that is ready and not published, and waits until nobody has anything to do.
    fn prepare(&self, number: usize) {
        let package = self.publisher.base().join("package");
        Package::new(NAME)
            .noise("level.dat", SIZE, number as u64)
            .write_folder(&package);
        let path = package.to_str().unwrap();
        let made = match number {
            0 => self.publisher.amc(&["application", "create", path]),
            _ => self.publisher.amc(&["application", "update", NAME, path]),
        };
        made.done();
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

    /// Publishes a version over the publisher's socket, and hears from the client's events when it
    /// can be used there. Gives the milliseconds in between.
    async fn propagate(&self, number: usize) -> f64 {
        let (publisher, client) = (api(&self.publisher), api(&self.client));
        let number = u32::try_from(number).unwrap();
        let mut events = client.events(EventSelection::Lifecycle).await.unwrap();
        let begun = Instant::now();
        publisher.set_published(NAME, number, true).await.unwrap();
        imported(&mut events).await;
        let took = begun.elapsed();
        let application = client.application(NAME).await.unwrap();
        let version = application.versions.last().unwrap();
        assert_eq!(version.number, number);
        assert!(version.published && version.status == VersionStatus::Ready);
        took.as_secs_f64() * 1e3
    }
}

async fn imported(events: &mut EventStream) {
    loop {
        let event = events.next().await.unwrap().unwrap();
        let event = LifecycleEvent::deserialize(event.metadata).unwrap();
        if event.action == "application-version-imported" {
            return;
        }
    }
}
