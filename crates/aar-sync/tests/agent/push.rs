//! Publishers that push.

use aar_sync::{Conflict, RoundOutcome, SyncMode, SyncState};
use aar_types::VersionNumber;

use crate::support::{FakeRegistry, Setup, TestCatalogue, content, image, until};

fn published(setup: &Setup, application: &str) -> String {
    let Some(variant) = setup.registry.variant(application) else {
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
async fn local_change_is_pushed_at_once() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.catalogue.create("a", 0, &content("a/0", 100_000));
    setup.agent.local_changed();
    until("a is pushed", || published(&setup, "a") == "0").await;
    assert!(setup.registry.has(&image(&content("a/0", 100_000)).digest));

    setup
        .catalogue
        .edit("a", |a| a.metadata.tags = vec!["x".to_owned()]);
    setup.agent.local_changed();
    until("the metadata is pushed", || {
        setup.registry.variant("a").unwrap().metadata.tags == ["x"]
    })
    .await;

    setup.catalogue.create("a", 1, b"one");
    setup
        .catalogue
        .edit("a", |a| a.versions[0].published = false);
    setup.agent.local_changed();
    until("both changes are pushed", || {
        published(&setup, "a") == "0w 1"
    })
    .await;

    setup.catalogue.delete("a");
    setup.sync_all().await;
    assert_eq!(published(&setup, "a"), "0w 1");
}

#[tokio::test]
async fn push_without_changes_costs_one_request() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.catalogue.create("a", 0, b"zero");
    setup.sync_all().await;
    setup.sync_all().await;
    let before = setup.registry.request_count("");
    setup.sync_all().await;
    assert_eq!(setup.registry.request_count("") - before, 1);
}

#[tokio::test]
async fn other_content_in_the_registry_is_a_conflict() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.registry.publish("a", 0, &[]);
    setup.catalogue.create("a", 0, b"ours");
    let report = setup.sync_all().await;
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
    assert_eq!(setup.status().conflicts, report.conflicts);
}

#[tokio::test]
async fn upload_is_resumed_after_a_restart() {
    let registry = FakeRegistry::start().await;
    let catalogue = TestCatalogue::new();
    let bytes = content("a/0", 100_000);
    registry.stall(&bytes);
    catalogue.create("a", 0, &bytes);
    let setup = Setup::over(registry, catalogue, SyncMode::Manual).await;
    setup.agent.reconfigure(Some(setup.config(SyncMode::Push)));
    until("the upload starts", || setup.catalogue.uploads() == 1).await;
    setup.agent.stop().await;
    setup.registry.release();
    let Setup {
        registry,
        catalogue,
        ..
    } = setup;
    let setup = Setup::over(registry, catalogue, SyncMode::Push).await;
    assert_eq!(published(&setup, "a"), "0");
    assert_eq!(setup.registry.request_count("POST /1.0/uploads"), 1);
    assert_eq!(setup.catalogue.uploads(), 0);
}

#[tokio::test]
async fn image_collected_before_the_commit_is_uploaded_again() {
    let setup = Setup::start(SyncMode::Manual).await;
    let bytes = content("a/0", 1000);
    setup.catalogue.create("a", 0, &bytes);
    setup
        .registry
        .delete_blob_before_commit(&image(&bytes).digest);
    let report = setup.agent.push_one("a".parse().unwrap()).await.unwrap();
    assert_eq!(
        (report.outcome, report.counts.pushed),
        (RoundOutcome::Done, 1)
    );
    assert_eq!(published(&setup, "a"), "0");
    assert_eq!(setup.registry.request_count("POST /1.0/uploads"), 2);
    assert!(setup.registry.has(&image(&bytes).digest));
}

#[tokio::test]
async fn status_shows_the_revision_after_a_push() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.sync_all().await;
    let before = setup.status().registry.unwrap();
    setup.catalogue.create("a", 0, b"a");
    setup.sync_all().await;
    let observed = setup.status().registry.unwrap();
    assert!(observed.revision > before.revision, "{observed:?}");
}

#[tokio::test]
async fn application_without_a_finished_version_is_building() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.catalogue.create("done", 0, b"done");
    setup.catalogue.create("new", 0, b"new");
    setup.catalogue.edit("new", |new| {
        new.versions.clear();
        new.building = true;
    });
    let states = async || {
        setup.sync_all().await;
        let all = setup.status().applications;
        all.iter().map(|one| one.state).collect::<Vec<_>>()
    };
    let (synced, building) = (SyncState::Synced, SyncState::Building);
    assert_eq!(states().await, [synced, building]);
    setup.catalogue.edit("new", |new| new.building = false);
    assert_eq!(states().await, [synced, synced]);
}

#[tokio::test]
async fn one_application_is_pushed_on_request() {
    let setup = Setup::start(SyncMode::Manual).await;
    setup.catalogue.create("a", 0, b"a");
    setup.catalogue.create("b", 0, b"b");
    setup.registry.publish("pulled", 0, &[]);
    setup
        .agent
        .pull_one("pulled".parse().unwrap())
        .await
        .unwrap();
    let report = setup.agent.push_one("a".parse().unwrap()).await.unwrap();
    assert_eq!(report.outcome, RoundOutcome::Done, "{report:?}");
    assert_eq!(
        (published(&setup, "a"), published(&setup, "b")),
        ("0".into(), "-".into())
    );

    for (name, reason) in [("pulled", "not pushed back"), ("c", "no application c")] {
        let report = setup.agent.push_one(name.parse().unwrap()).await.unwrap();
        assert!(report.failures[0].error.contains(reason), "{report:?}");
    }
    setup
        .catalogue
        .edit("b", |b| b.versions[0].published = false);
    let report = setup.agent.push_one("b".parse().unwrap()).await.unwrap();
    assert!(
        report.failures[0].error.contains("publish one first"),
        "{report:?}"
    );
}
