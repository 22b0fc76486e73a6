//! What a publisher brings to its registry.

use aar_sync::{ApplicationState, Conflict, Mode, Outcome};
use aar_types::VersionNumber;

use crate::support::{Registry, Shelf, Site, content, image, until};

fn published(site: &Site, application: &str) -> String {
    let Some(variant) = site.registry.variant(application) else {
        return "-".to_owned();
    };
    let words: Vec<_> = variant
        .versions
        .iter()
        .map(|version| {
            format!(
                "{}{}",
                version.number,
                if version.published { "" } else { "w" }
            )
        })
        .collect();
    words.join(" ")
}

#[tokio::test]
async fn a_local_change_reaches_the_registry_at_once() {
    let site = Site::start(Mode::Push).await;
    site.shelf.create("a", 0, &content("a/0", 100_000));
    site.agent.local_changed();
    until("it is there", || published(&site, "a") == "0").await;
    assert!(site.registry.has(&image(&content("a/0", 100_000)).digest));

    site.shelf
        .edit("a", |a| a.metadata.tags = vec!["x".to_owned()]);
    site.agent.local_changed();
    until("its metadata are there", || {
        site.registry.variant("a").unwrap().metadata.tags == ["x"]
    })
    .await;

    site.shelf.create("a", 1, b"one");
    site.shelf.edit("a", |a| a.versions[0].published = false);
    site.agent.local_changed();
    until("both are as here", || published(&site, "a") == "0w 1").await;

    site.shelf.delete("a");
    site.sync_all().await;
    assert_eq!(published(&site, "a"), "0w 1");
}

#[tokio::test]
async fn a_round_without_changes_costs_one_request() {
    let site = Site::start(Mode::Push).await;
    site.shelf.create("a", 0, b"zero");
    site.sync_all().await;
    site.sync_all().await;
    let before = site.registry.asked("");
    site.sync_all().await;
    assert_eq!(site.registry.asked("") - before, 1);
}

#[tokio::test]
async fn what_the_registry_has_otherwise_is_a_conflict() {
    let site = Site::start(Mode::Push).await;
    site.registry.publish("a", 0, &[]);
    site.shelf.create("a", 0, b"ours");
    let report = site.sync_all().await;
    assert!(
        matches!(
            &report.conflicts[..],
            [Conflict::OtherContent {
                version: VersionNumber(0),
                ..
            }]
        ),
        "{report:?}"
    );
    assert_eq!(site.status().conflicts, report.conflicts);
}

#[tokio::test]
async fn an_upload_is_resumed_after_a_restart() {
    let registry = Registry::start().await;
    let shelf = Shelf::new();
    let bytes = content("a/0", 100_000);
    let digest = image(&bytes).digest;
    registry.state.stalled.send_replace(Some(digest));
    shelf.create("a", 0, &bytes);
    let site = Site::over(registry, shelf, Mode::Manual).await;
    site.agent.reconfigure(Some(site.config(Mode::Push)));
    until("it is on its way", || site.shelf.uploads() == 1).await;
    site.agent.stop().await;
    site.registry.state.stalled.send_replace(None);
    let Site {
        registry, shelf, ..
    } = site;
    let site = Site::over(registry, shelf, Mode::Push).await;
    assert_eq!(published(&site, "a"), "0");
    assert_eq!(site.registry.asked("POST /1.0/uploads"), 1);
    assert_eq!(site.shelf.uploads(), 0);
}

#[tokio::test]
async fn content_that_was_collected_before_the_commit_is_sent_again() {
    let site = Site::start(Mode::Manual).await;
    let bytes = content("a/0", 1000);
    site.shelf.create("a", 0, &bytes);
    let report = site.agent.push_one("a".parse().unwrap()).await.unwrap();
    assert_eq!((report.outcome, report.counts.pushed), (Outcome::Done, 1));
    assert_eq!(published(&site, "a"), "0");
}

#[tokio::test]
async fn the_revision_that_a_push_has_led_to_is_shown() {
    let site = Site::start(Mode::Push).await;
    site.sync_all().await;
    let before = site.status().registry.unwrap();
    site.shelf.create("a", 0, b"a");
    site.sync_all().await;
    let seen = site.status().registry.unwrap();
    assert!(seen.revision > before.revision, "{seen:?}");
}

#[tokio::test]
async fn what_is_still_being_made_is_not_called_synced() {
    let site = Site::start(Mode::Push).await;
    site.shelf.create("made", 0, b"made");
    site.shelf.create("new", 0, b"new");
    site.shelf.edit("new", |new| {
        new.versions.clear();
        new.building = true;
    });
    let states = async || {
        site.sync_all().await;
        let all = site.status().applications;
        all.iter().map(|one| one.state).collect::<Vec<_>>()
    };
    let (synced, building) = (ApplicationState::Synced, ApplicationState::Building);
    assert_eq!(states().await, [synced, building]);
    site.shelf.edit("new", |new| new.building = false);
    assert_eq!(states().await, [synced, synced]);
}

#[tokio::test]
async fn one_application_is_pushed_by_hand() {
    let site = Site::start(Mode::Manual).await;
    site.shelf.create("a", 0, b"a");
    site.shelf.create("b", 0, b"b");
    site.registry.publish("pulled", 0, &[]);
    site.agent
        .pull_one("pulled".parse().unwrap())
        .await
        .unwrap();
    let report = site.agent.push_one("a".parse().unwrap()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(
        (published(&site, "a"), published(&site, "b")),
        ("0".into(), "-".into())
    );

    for (name, reason) in [("pulled", "not pushed back"), ("c", "no application c")] {
        let report = site.agent.push_one(name.parse().unwrap()).await.unwrap();
        assert!(report.failures[0].error.contains(reason), "{report:?}");
    }
    site.shelf.edit("b", |b| b.versions[0].published = false);
    let report = site.agent.push_one("b".parse().unwrap()).await.unwrap();
    assert!(
        report.failures[0].error.contains("publish one first"),
        "{report:?}"
    );
}
