//! Whatever happens in whatever order, and wherever the process is killed: at the end both sides
//! are the same.

use std::{sync::Arc, time::Duration};

use aar_sync::{Agent, Mode, Origin, Outcome};
use aar_types::Clock;
use proptest::prelude::*;

use crate::support::{Registry, Shelf, config, content};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

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
    /// A round, killed after so many calls of the catalogue.
    Round {
        calls: Option<i64>,
    },
    /// The registry fails for a round.
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

/// Runs a round in a process of its own, so to say; it may be killed.
fn round(registry: &Registry, shelf: &Shelf, mode: Mode, calls: Option<i64>) -> Option<Outcome> {
    let mut config = config(registry, mode);
    config.tags = vec!["wanted".to_owned()];
    shelf.kill_after(calls);
    let process = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let outcome = process.block_on(async {
        let catalogue = Arc::new(shelf.clone());
        let agent = Agent::spawn(catalogue, Some(config).into(), Clock::system());
        tokio::select! {
            report = agent.sync_now(true) => {
                agent.stop().await;
                Some(report.unwrap().outcome)
            }
            () = shelf.killed(), if calls.is_some() => None,
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("the round hangs"),
        }
    });
    process.shutdown_background();
    shelf.kill_after(None);
    outcome
}

fn happen(event: &Event, registry: &Registry) {
    match *event {
        Event::Publish {
            name,
            number,
            tagged,
        } => {
            // Versions do not change: the same number has the same content for ever.
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
        Event::Outage => registry.answer(Some((503, ""))),
    }
}

/// What has to hold when nothing is left to do.
fn is_in_step(registry: &Registry, shelf: &Shelf) {
    let there = registry.variants();
    let here = shelf.all();
    for (name, variant) in &there {
        let wanted = variant.metadata.tags.iter().any(|tag| tag == "wanted");
        let published = variant.versions.iter().filter(|version| version.published);
        for version in published.filter(|_| wanted) {
            let found = here
                .get(name)
                .unwrap_or_else(|| panic!("{name} is missing"));
            let mut versions = found.versions.iter();
            let found = versions.find(|found| found.number == version.number);
            let found = found.unwrap_or_else(|| panic!("{name}/{} is missing", version.number));
            assert!(found.published, "{name}/{}", version.number);
            assert_eq!(found.image, version.image);
        }
    }
    for (name, found) in &here {
        assert_eq!(found.origin, Origin::Imported);
        let variant = there
            .get(name)
            .unwrap_or_else(|| panic!("{name} should be gone"));
        assert_eq!(found.metadata, variant.metadata);
        assert!(
            found.metadata.tags.iter().any(|tag| tag == "wanted"),
            "{name}"
        );
        let published = variant.versions.iter().filter(|version| version.published);
        let oldest = published.map(|version| version.number).min();
        for local in &found.versions {
            let mut versions = variant.versions.iter();
            let version = versions.find(|version| version.number == local.number);
            let version = version.unwrap_or_else(|| panic!("{name}/{} is gone", local.number));
            assert_eq!(local.published, version.published);
            assert!(local.published || oldest.is_none_or(|oldest| local.number > oldest));
        }
    }
    let files = shelf.files();
    assert!(
        !files.iter().any(|file| file.ends_with(".partial")),
        "{files:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_client_ends_up_with_what_the_registry_says(events in events()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registry = runtime.block_on(Registry::start());
        let shelf = Shelf::new();
        for event in &events {
            happen(event, &registry);
            match event {
                Event::Round { calls } => drop(round(&registry, &shelf, Mode::Pull, *calls)),
                Event::Outage => {
                    let outcome = round(&registry, &shelf, Mode::Pull, None);
                    assert_eq!(outcome, Some(Outcome::Failed));
                    registry.answer(None);
                }
                _ => {}
            }
        }
        let outcome = round(&registry, &shelf, Mode::Pull, None);
        assert_eq!(outcome, Some(Outcome::Done));
        is_in_step(&registry, &shelf);
    }

    #[test]
    fn a_registry_ends_up_with_what_the_publisher_has(
        edits in prop::collection::vec((0..NAMES.len(), 0_u32..4, any::<bool>(), prop::option::of(0_i64..20)), 1..20),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registry = runtime.block_on(Registry::start());
        let shelf = Shelf::new();
        for (name, number, published, kill) in edits {
            let name = NAMES[name];
            shelf.create(name, number, &content(&format!("{name}/{number}"), 5000));
            shelf.edit(name, |local| {
                local.metadata.addons = vec![format!("addon{number}")];
                local.versions.iter_mut().for_each(|version| {
                    version.published = published || version.number.0 != number;
                });
            });
            if kill.is_some() {
                round(&registry, &shelf, Mode::Push, kill);
            }
        }
        let outcome = round(&registry, &shelf, Mode::Push, None);
        assert_eq!(outcome, Some(Outcome::Done));
        let there = registry.variants();
        for (name, local) in shelf.all() {
            let known = there.get(&name).map_or(&[][..], |variant| &variant.versions);
            for version in &local.versions {
                let found = known.iter().find(|found| found.number == version.number);
                assert_eq!(found.is_some_and(|found| found.published), version.published);
                if let Some(found) = found {
                    assert_eq!(found.image, version.image);
                    assert!(registry.has(&found.image.digest));
                    assert!(!shelf.has_upload_of(&found.image.digest));
                }
            }
            if let Some(variant) = there.get(&name) {
                assert_eq!(&variant.metadata, &local.metadata);
            }
        }
    }
}
