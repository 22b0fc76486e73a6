use aar_package::read_image_manifest;
use aar_testkit::Package;
use aar_types::{VersionNumber, VideoEncoder};
use ams_api::{ApplicationPatch, Operation, ResourcesPatch};

use super::support::Here;

async fn patch(here: &Here, patch: ApplicationPatch) {
    let begun = here.ams.applications().patch("game", patch).await.unwrap();
    here.succeeded(begun).await;
}

#[tokio::test]
async fn what_belongs_to_the_application_changes_without_a_new_version() {
    let here = Here::new().await;
    here.create(&Package::new("game").tagged("old")).await;
    let change = ApplicationPatch {
        image: Some("jammy:aaos13:amd64".to_owned()),
        instance_type: Some("a4.3".to_owned()),
        tags: Some(vec!["new".to_owned()]),
        addons: Some(vec!["ssh".to_owned()]),
        node_selector: Some(vec!["gpu=nvidia".to_owned()]),
        inhibit_auto_updates: Some(true),
        resources: Some(ResourcesPatch {
            vpu_slots: Some(1),
            ..ResourcesPatch::default()
        }),
        ..ApplicationPatch::default()
    };
    patch(&here, change).await;
    let changed = here.get("game").await;
    assert_eq!(changed.versions.len(), 1);
    assert_eq!(
        (changed.instance_type.as_str(), changed.tags),
        ("a4.3", vec!["new".to_owned()])
    );
    assert_eq!(
        (changed.inhibit_auto_updates, changed.resources.vpu_slots),
        (true, Some(1))
    );
    assert_eq!(changed.parent_image_variant, "aaos");
}

#[tokio::test]
async fn what_belongs_to_a_version_makes_a_new_one_with_the_same_content() {
    let here = Here::new().await;
    here.create(&Package::new("game").noise("level", 100_000, 4))
        .await;
    let change = ApplicationPatch {
        video_encoder: Some(VideoEncoder::Software),
        features: Some(vec!["fast".to_owned()]),
        ..ApplicationPatch::default()
    };
    patch(&here, change).await;
    let changed = here.get("game").await;
    assert_eq!(changed.versions.len(), 2);
    assert_eq!(
        changed.versions[0].video_encoder,
        VideoEncoder::GpuPreferred
    );
    assert_eq!(changed.versions[1].video_encoder, VideoEncoder::Software);
    let image = here
        .ams
        .applications()
        .export("game", VersionNumber(1))
        .await
        .unwrap();
    let manifest = read_image_manifest(&image.path).unwrap();
    assert_eq!(
        manifest.version.features,
        ["fast"],
        "the image says what the version says"
    );
}

#[tokio::test]
async fn a_change_builds_on_the_version_that_is_being_made() {
    let here = Here::new().await;
    let kept = "application.max_published_versions";
    here.ams.config().set(kept, "10").await.unwrap();
    here.create(&Package::new("game").noise("level", 3_000_000, 4))
        .await;
    let features = |word: &str| ApplicationPatch {
        features: Some(vec![word.to_owned()]),
        ..ApplicationPatch::default()
    };
    let encoder = ApplicationPatch {
        video_encoder: Some(VideoEncoder::Software),
        ..ApplicationPatch::default()
    };
    let applications = here.ams.applications();
    let package = Package::new("game")
        .noise("level", 3_000_000, 5)
        .with("boot-activity: com.game.Main");
    let mut begun = vec![
        applications.patch("game", features("a")).await.unwrap(),
        applications.patch("game", encoder.clone()).await.unwrap(),
    ];
    let update = applications.update("game", here.upload(&package)).await;
    begun.push(update.unwrap());
    for patch in [features("b"), encoder, features("b")] {
        begun.push(applications.patch("game", patch).await.unwrap());
    }
    for operation in begun {
        here.succeeded(operation).await;
    }
    let made = here.get("game").await.versions;
    let summary: Vec<_> = made
        .iter()
        .map(|version| {
            let software = version.video_encoder == VideoEncoder::Software;
            (
                version.features.concat(),
                software,
                !version.boot_activity.is_empty(),
            )
        })
        .collect();
    let made_of = |features: &str, software, updated| (features.to_owned(), software, updated);
    // Two patches, each on what was before; a package with what it says; again two on that. The
    // last patch finds everything as it wants it.
    let expected = [
        made_of("", false, false),
        made_of("a", false, false),
        made_of("a", true, false),
        made_of("", false, true),
        made_of("b", false, true),
        made_of("b", true, true),
    ];
    assert_eq!(summary, expected);
}

#[tokio::test]
async fn a_change_of_an_application_that_is_being_created_waits_for_its_first_version() {
    let here = Here::new().await;
    let package = Package::new("game").noise("level", 8_000_000, 4);
    let begun = here.begin_create(&package);
    let id = begun.resource_names("applications").next().unwrap();
    let applications = here.ams.applications();
    while applications.get(id).await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let change = ApplicationPatch {
        manifest_version: Some("2".to_owned()),
        ..ApplicationPatch::default()
    };
    patch(&here, change).await;
    let versions = here.get("game").await.versions;
    let made: Vec<_> = versions.iter().map(|it| &*it.manifest_version).collect();
    assert_eq!(made, ["", "2"]);
}

#[tokio::test]
async fn a_change_does_not_wait_for_one_that_was_cancelled() {
    let here = Here::new().await;
    here.create(&Package::new("game").noise("level", 3_000_000, 4))
        .await;
    let applications = here.ams.applications();
    let patch = |word: &str| ApplicationPatch {
        manifest_version: Some(word.to_owned()),
        ..ApplicationPatch::default()
    };
    let cancelled = applications.patch("game", patch("1")).await.unwrap();
    let waiting = applications.patch("game", patch("2")).await.unwrap();
    here.ams.operations().cancel(waiting.id).unwrap();
    here.ams.operations().cancel(cancelled.id).unwrap();
    let last = applications.patch("game", patch("3")).await.unwrap();
    here.succeeded(last).await;
    let newest = here.get("game").await.versions.pop().unwrap();
    assert_eq!(newest.manifest_version, "3");
}

#[tokio::test]
async fn attributes_that_are_changed_behind_a_package_are_not_undone_by_it() {
    let here = Here::new().await;
    here.create(&Package::new("game").tagged("old")).await;
    let applications = here.ams.applications();
    let tags = |word: &str| ApplicationPatch {
        tags: Some(vec![word.to_owned()]),
        ..ApplicationPatch::default()
    };
    let both = ApplicationPatch {
        manifest_version: Some("2".to_owned()),
        ..tags("both")
    };
    for (change, tag) in [(tags("alone"), "alone"), (both, "both")] {
        let package = Package::new("game")
            .tagged("package")
            .noise("level.dat", 4 << 20, 1);
        let update = applications.update("game", here.upload(&package));
        let update = update.await.unwrap();
        let change = applications.patch("game", change).await.unwrap();
        here.succeeded(update).await;
        here.succeeded(change).await;
        assert_eq!(here.get("game").await.tags, [tag]);
    }
    let newest = here.get("game").await.versions.pop().unwrap();
    assert_eq!(newest.manifest_version, "2");
}

#[tokio::test]
async fn what_is_as_it_should_be_already_makes_no_version() {
    let here = Here::new().await;
    here.create(&Package::new("game").with("version: \"1\""))
        .await;
    let change = ApplicationPatch {
        manifest_version: Some("1".to_owned()),
        ..ApplicationPatch::default()
    };
    patch(&here, change).await;
    assert_eq!(here.get("game").await.versions.len(), 1);
}

#[tokio::test]
async fn what_no_manifest_could_say_is_refused_and_nothing_changes() {
    let here = Here::new().await;
    let before = here.create(&Package::new("game")).await;
    for change in [
        ApplicationPatch {
            instance_type: Some("huge".to_owned()),
            tags: Some(vec!["new".to_owned()]),
            ..ApplicationPatch::default()
        },
        ApplicationPatch {
            manifest_version: Some("9".repeat(51)),
            ..ApplicationPatch::default()
        },
    ] {
        assert!(here.ams.applications().patch("game", change).await.is_err());
    }
    assert_eq!(here.get("game").await, before);
}

#[tokio::test]
async fn an_application_without_versions_takes_only_what_a_manifest_could_say_too() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let applications = here.ams.applications();
    let begun = applications
        .delete_version("game", VersionNumber(0), false)
        .await;
    here.succeeded(begun.unwrap()).await;
    let change = ApplicationPatch {
        instance_type: Some("banana".to_owned()),
        ..ApplicationPatch::default()
    };
    let refusal = applications.patch("game", change).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "instance-type: \"banana\" is not one of a2.3, a4.3, a6.3, a8.3, a10.3, g2.3, g4.3, g6.3, \
         g8.3, g10.3"
    );
    assert_eq!(here.get("game").await.instance_type, "a2.3");
}

#[tokio::test]
async fn a_refusal_names_the_field_that_was_sent_and_what_is_allowed() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let change = ApplicationPatch {
        resources: Some(ResourcesPatch {
            memory: Some("1GB".to_owned()),
            ..ResourcesPatch::default()
        }),
        ..ApplicationPatch::default()
    };
    let refusal = here.ams.applications().patch("game", change).await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(
        refusal.starts_with("resources.memory: \"1GB\" is not "),
        "{refusal}"
    );
    for alien in ["manifest", "line"] {
        assert!(!refusal.contains(alien), "{refusal}");
    }
}

/// An application whose first version is being made.
async fn being_created(here: &Here) -> (Operation, String) {
    let begun = here.begin_create(&Package::new("game").noise("level", 64 << 20, 4));
    let id = begun.resource_names("applications").next().unwrap();
    let id = id.to_owned();
    while here.ams.applications().get(&id).await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    (begun, id)
}

#[tokio::test]
async fn what_waits_for_a_creation_that_is_cancelled_says_that_there_is_no_application() {
    let here = Here::new().await;
    let (begun, id) = being_created(&here).await;
    let applications = here.ams.applications();
    let package = here.upload(&Package::new("game"));
    let update = applications.update(&id, package).await.unwrap();
    let change = ApplicationPatch {
        manifest_version: Some("2".to_owned()),
        ..ApplicationPatch::default()
    };
    let change = applications.patch(&id, change).await.unwrap();
    here.ams.operations().cancel(begun.id).unwrap();
    for operation in [update, change] {
        assert_eq!(
            here.failed(operation).await,
            "application game is gone: its creation failed, or it was deleted meanwhile"
        );
    }
}

#[tokio::test]
async fn what_no_version_could_say_is_refused_before_there_is_one() {
    let here = Here::new().await;
    let (begun, id) = being_created(&here).await;
    let change = ApplicationPatch {
        manifest_version: Some("9".repeat(51)),
        ..ApplicationPatch::default()
    };
    let refusal = here.ams.applications().patch(&id, change).await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.starts_with("manifest_version: "), "{refusal}");
    here.ams.operations().cancel(begun.id).unwrap();
}
