//! Whatever happens in whatever order, and wherever the process is killed: at the end both sides
//! are the same.

use std::{sync::Arc, time::Duration};

use aar_sync::{Agent, LocalApplication, LocalVersion, Mode, Origin, Outcome};
use aar_types::{ApplicationName, Clock, Variant};
use proptest::prelude::*;

use crate::support::{Registry, Shelf, config, content, until};

/// Too few for the brake, which would wait for somebody.
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
            report = agent.sync_now(None) => {
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

/// What is not as it should be when nothing is left to do.
fn difference(registry: &Registry, shelf: &Shelf) -> Option<String> {
    let (there, here) = (registry.variants(), shelf.all());
    let wanted = |variant: &Variant| variant.metadata.tags.iter().any(|tag| tag == "wanted");
    for (name, variant) in there.iter().filter(|(_, variant)| wanted(variant)) {
        let found = here.get(name).map_or(&[][..], |found| &found.versions);
        for version in variant.versions.iter().filter(|version| version.published) {
            let found = found.iter().find(|found| found.number == version.number);
            if !found.is_some_and(|found| found.published && found.image == version.image) {
                return Some(format!("{name}/{} is not as it should be", version.number));
            }
        }
    }
    let strange = |(name, found): (&ApplicationName, &LocalApplication)| {
        let variant = there.get(name).filter(|variant| wanted(variant));
        let fits = variant.is_some_and(|variant| belongs(found, variant));
        (!fits).then(|| format!("{name} should not be here like this"))
    };
    here.iter().find_map(strange)
}

/// Whether everything of an application that is here may be here.
fn belongs(local: &LocalApplication, variant: &Variant) -> bool {
    let published = variant.versions.iter().filter(|version| version.published);
    let oldest = published.map(|version| version.number).min();
    let may_be_here = |local: &LocalVersion| {
        let mut versions = variant.versions.iter();
        let version = versions.find(|version| version.number == local.number);
        let kept = local.published || oldest.is_none_or(|oldest| local.number > oldest);
        version.is_some_and(|version| version.published == local.published) && kept
    };
    local.origin == Origin::Imported
        && local.metadata == variant.metadata
        && local.versions.iter().all(may_be_here)
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
        assert_eq!(difference(&registry, &shelf), None);
        let files = shelf.files();
        assert!(!files.iter().any(|file| file.ends_with(".partial")), "{files:?}");
    }

    #[test]
    fn a_client_that_listens_needs_no_round_by_hand(
        events in events(),
        pause in 0_u64..20,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (registry, shelf) = (Registry::start().await, Shelf::new());
            let mut config = config(&registry, Mode::Pull);
            config.tags = vec!["wanted".to_owned()];
            let catalogue = Arc::new(shelf.clone());
            let agent = Agent::spawn(catalogue, Some(config).into(), Clock::system());
            for event in events.iter().filter(|event| !matches!(event, Event::Outage)) {
                happen(event, &registry);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            until("both are the same", || difference(&registry, &shelf).is_none()).await;
            agent.stop().await;
        });
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
