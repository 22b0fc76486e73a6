//! Both sides converge after any sequence of events, kills of the process included.

use std::{sync::Arc, time::Duration};

use aar_sync::{Agent, LocalApplication, LocalVersion, Origin, RoundOutcome, SyncMode};
use aar_types::{ApplicationName, Clock, Variant};
use proptest::prelude::*;

use crate::support::{FakeRegistry, TestCatalogue, config, content, until};

/// Too few for the removal guard, which would wait for a confirmation.
const NAMES: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Event {
    Publish {
        name: usize,
        number: u32,
        tagged: bool,
    },
    SetPublished {
        name: usize,
        number: u32,
        published: bool,
    },
    RemoveVersion {
        name: usize,
        number: u32,
    },
    RemoveApplication {
        name: usize,
    },
    SetTags {
        name: usize,
        tagged: bool,
    },
    /// A round whose process is killed after so many calls of the catalogue.
    Round {
        calls: Option<i64>,
    },
    /// The registry fails during a round.
    Outage,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let name = 0..NAMES.len();
    let number = 0_u32..4;
    let event = prop_oneof![
        4 => (name.clone(), number.clone(), any::<bool>())
            .prop_map(|(name, number, tagged)| Event::Publish { name, number, tagged }),
        3 => (name.clone(), number.clone(), any::<bool>())
            .prop_map(|(name, number, published)| Event::SetPublished { name, number, published }),
        1 => (name.clone(), number).prop_map(|(name, number)| Event::RemoveVersion { name, number }),
        1 => name.clone().prop_map(|name| Event::RemoveApplication { name }),
        1 => (name, any::<bool>()).prop_map(|(name, tagged)| Event::SetTags { name, tagged }),
        2 => prop::option::of(0_i64..30).prop_map(|calls| Event::Round { calls }),
        1 => Just(Event::Outage),
    ];
    prop::collection::vec(event, 1..40)
}

fn tags(tagged: bool) -> &'static [&'static str] {
    if tagged { &["wanted"] } else { &["other"] }
}

/// Runs a round in its own runtime, which stands for a process that can be killed.
fn round(
    registry: &FakeRegistry,
    catalogue: &TestCatalogue,
    mode: SyncMode,
    calls: Option<i64>,
) -> Option<RoundOutcome> {
    let mut config = config(registry, mode);
    config.tags = vec!["wanted".to_owned()];
    catalogue.kill_after(calls);
    let process = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let outcome = process.block_on(async {
        let shared = Arc::new(catalogue.clone());
        let agent = Agent::spawn(shared, Some(config).into(), Clock::system());
        tokio::select! {
            report = agent.sync_now(None) => {
                agent.stop().await;
                Some(report.unwrap().outcome)
            }
            () = catalogue.killed(), if calls.is_some() => None,
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("the round does not end"),
        }
    });
    process.shutdown_background();
    catalogue.kill_after(None);
    outcome
}

fn apply(event: &Event, registry: &FakeRegistry) {
    match *event {
        Event::Publish {
            name,
            number,
            tagged,
        } => {
            // Versions are immutable: the same number always has the same content.
            registry.publish(NAMES[name], number, tags(tagged));
        }
        Event::SetPublished {
            name,
            number,
            published,
        } => {
            registry.set_published(NAMES[name], number, published);
        }
        Event::RemoveVersion { name, number } => registry.remove_version(NAMES[name], number),
        Event::RemoveApplication { name } => registry.remove_application(NAMES[name]),
        Event::SetTags { name, tagged } => registry.set_tags(NAMES[name], tags(tagged)),
        Event::Round { .. } => {}
        Event::Outage => registry.respond_with(Some((503, ""))),
    }
}

/// Where the sides differ once nothing is left to do.
fn difference(registry: &FakeRegistry, catalogue: &TestCatalogue) -> Option<String> {
    let (remote, local) = (registry.variants(), catalogue.all());
    let wanted = |variant: &Variant| variant.metadata.tags.iter().any(|tag| tag == "wanted");
    for (name, variant) in remote.iter().filter(|(_, variant)| wanted(variant)) {
        let found = local.get(name).map_or(&[][..], |found| &found.versions);
        for version in variant.versions.iter().filter(|version| version.published) {
            let found = found.iter().find(|found| found.number == version.number);
            if !found.is_some_and(|found| found.published && found.image == version.image) {
                return Some(format!(
                    "{name}/{} differs from the registry",
                    version.number
                ));
            }
        }
    }
    let unexpected = |(name, found): (&ApplicationName, &LocalApplication)| {
        let variant = remote.get(name).filter(|variant| wanted(variant));
        let fits = variant.is_some_and(|variant| is_justified(found, variant));
        (!fits).then(|| format!("{name} differs from the registry"))
    };
    local.iter().find_map(unexpected)
}

/// Whether the registry justifies every local version of an application.
fn is_justified(local: &LocalApplication, variant: &Variant) -> bool {
    let published = variant.versions.iter().filter(|version| version.published);
    let oldest = published.map(|version| version.number).min();
    let is_allowed = |local: &LocalVersion| {
        let mut versions = variant.versions.iter();
        let version = versions.find(|version| version.number == local.number);
        let kept = local.published || oldest.is_none_or(|oldest| local.number > oldest);
        version.is_some_and(|version| version.published == local.published) && kept
    };
    local.origin == Origin::Imported
        && local.metadata == variant.metadata
        && local.versions.iter().all(is_allowed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn client_converges_after_kills_and_outages(events in events()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registry = runtime.block_on(FakeRegistry::start());
        let catalogue = TestCatalogue::new();
        for event in &events {
            apply(event, &registry);
            match event {
                Event::Round { calls } => drop(round(&registry, &catalogue, SyncMode::Pull, *calls)),
                Event::Outage => {
                    let outcome = round(&registry, &catalogue, SyncMode::Pull, None);
                    assert_eq!(outcome, Some(RoundOutcome::Failed));
                    registry.respond_with(None);
                }
                _ => {}
            }
        }
        let outcome = round(&registry, &catalogue, SyncMode::Pull, None);
        assert_eq!(outcome, Some(RoundOutcome::Done));
        assert_eq!(difference(&registry, &catalogue), None);
        let files = catalogue.files();
        assert!(!files.iter().any(|file| file.ends_with(".partial")), "{files:?}");
    }

    #[test]
    fn watching_client_converges_without_requested_rounds(
        events in events(),
        pause in 0_u64..20,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (registry, catalogue) = (FakeRegistry::start().await, TestCatalogue::new());
            let mut config = config(&registry, SyncMode::Pull);
            config.tags = vec!["wanted".to_owned()];
            let shared = Arc::new(catalogue.clone());
            let agent = Agent::spawn(shared, Some(config).into(), Clock::system());
            for event in events.iter().filter(|event| !matches!(event, Event::Outage)) {
                apply(event, &registry);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            until("both sides are equal", || difference(&registry, &catalogue).is_none()).await;
            agent.stop().await;
        });
    }

    #[test]
    fn registry_converges_after_kills_of_the_publisher(
        edits in prop::collection::vec((0..NAMES.len(), 0_u32..4, any::<bool>(), prop::option::of(0_i64..20)), 1..20),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registry = runtime.block_on(FakeRegistry::start());
        let catalogue = TestCatalogue::new();
        for (name, number, published, kill) in edits {
            let name = NAMES[name];
            catalogue.create(name, number, &content(&format!("{name}/{number}"), 5000));
            catalogue.edit(name, |local| {
                local.metadata.addons = vec![format!("addon{number}")];
                local.versions.iter_mut().for_each(|version| {
                    version.published = published || version.number.0 != number;
                });
            });
            if kill.is_some() {
                round(&registry, &catalogue, SyncMode::Push, kill);
            }
        }
        let outcome = round(&registry, &catalogue, SyncMode::Push, None);
        assert_eq!(outcome, Some(RoundOutcome::Done));
        let remote = registry.variants();
        for (name, local) in catalogue.all() {
            let known = remote.get(&name).map_or(&[][..], |variant| &variant.versions);
            for version in &local.versions {
                let found = known.iter().find(|found| found.number == version.number);
                assert_eq!(found.is_some_and(|found| found.published), version.published);
                if let Some(found) = found {
                    assert_eq!(found.image, version.image);
                    assert!(registry.has(&found.image.digest));
                    assert!(!catalogue.has_upload_of(&found.image.digest));
                }
            }
            if let Some(variant) = remote.get(&name) {
                assert_eq!(&variant.metadata, &local.metadata);
            }
        }
    }
}
