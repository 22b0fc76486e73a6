use aar_package::read_image_manifest;
use aar_testkit::Package;
use aar_types::{VersionNumber, VideoEncoder};
use ams_api::{ApplicationPatch, Operation, ResourcesPatch};

use super::support::TestAms;

async fn patch(ams: &TestAms, patch: ApplicationPatch) {
    let started = ams.applications().patch("game", patch).await.unwrap();
    ams.expect_success(started).await;
}

#[tokio::test]
async fn application_attributes_change_without_a_new_version() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").tagged("old")).await;
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
    patch(&ams, change).await;
    let changed = ams.get("game").await;
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
async fn version_attributes_make_a_new_version_with_the_same_content() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").noise("level", 100_000, 4))
        .await;
    let change = ApplicationPatch {
        video_encoder: Some(VideoEncoder::Software),
        features: Some(vec!["fast".to_owned()]),
        ..ApplicationPatch::default()
    };
    patch(&ams, change).await;
    let changed = ams.get("game").await;
    assert_eq!(changed.versions.len(), 2);
    assert_eq!(
        changed.versions[0].video_encoder,
        VideoEncoder::GpuPreferred
    );
    assert_eq!(changed.versions[1].video_encoder, VideoEncoder::Software);
    let image = ams
        .applications()
        .export("game", VersionNumber(1))
        .await
        .unwrap();
    let manifest = read_image_manifest(&image.path).unwrap();
    assert_eq!(
        manifest.version.features,
        ["fast"],
        "the manifest in the image is that of the version"
    );
}

#[tokio::test]
async fn patch_starts_from_the_version_that_is_being_built() {
    let ams = TestAms::new().await;
    let kept = "application.max_published_versions";
    ams.config().set(kept, "10").await.unwrap();
    ams.create(&Package::new("game").noise("level", 3_000_000, 4))
        .await;
    let features = |word: &str| ApplicationPatch {
        features: Some(vec![word.to_owned()]),
        ..ApplicationPatch::default()
    };
    let encoder = ApplicationPatch {
        video_encoder: Some(VideoEncoder::Software),
        ..ApplicationPatch::default()
    };
    let applications = ams.applications();
    let package = Package::new("game")
        .noise("level", 3_000_000, 5)
        .with("boot-activity: com.game.Main");
    let mut started = vec![
        applications.patch("game", features("a")).await.unwrap(),
        applications.patch("game", encoder.clone()).await.unwrap(),
    ];
    let update = applications.update("game", ams.upload(&package)).await;
    started.push(update.unwrap());
    for patch in [features("b"), encoder, features("b")] {
        started.push(applications.patch("game", patch).await.unwrap());
    }
    for operation in started {
        ams.expect_success(operation).await;
    }
    let versions = ams.get("game").await.versions;
    let summary: Vec<_> = versions
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
    let version = |features: &str, software, updated| (features.to_owned(), software, updated);
    // Two patches, each from the version before it; a package with its own attributes; two patches
    // from that. The last patch changes nothing.
    let expected = [
        version("", false, false),
        version("a", false, false),
        version("a", true, false),
        version("", false, true),
        version("b", false, true),
        version("b", true, true),
    ];
    assert_eq!(summary, expected);
}

#[tokio::test]
async fn patch_during_creation_waits_for_the_first_version() {
    let ams = TestAms::new().await;
    let package = Package::new("game").noise("level", 8_000_000, 4);
    let started = ams.start_create(&package);
    let id = started.resource_names("applications").next().unwrap();
    let applications = ams.applications();
    while applications.get(id).await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let change = ApplicationPatch {
        manifest_version: Some("2".to_owned()),
        ..ApplicationPatch::default()
    };
    patch(&ams, change).await;
    let versions = ams.get("game").await.versions;
    let numbers: Vec<_> = versions.iter().map(|it| &*it.manifest_version).collect();
    assert_eq!(numbers, ["", "2"]);
}

#[tokio::test]
async fn patch_does_not_wait_for_a_cancelled_one() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").noise("level", 3_000_000, 4))
        .await;
    let applications = ams.applications();
    let patch = |word: &str| ApplicationPatch {
        manifest_version: Some(word.to_owned()),
        ..ApplicationPatch::default()
    };
    let cancelled = applications.patch("game", patch("1")).await.unwrap();
    let waiting = applications.patch("game", patch("2")).await.unwrap();
    ams.operations().cancel(waiting.id).unwrap();
    ams.operations().cancel(cancelled.id).unwrap();
    let last = applications.patch("game", patch("3")).await.unwrap();
    ams.expect_success(last).await;
    let newest = ams.get("game").await.versions.pop().unwrap();
    assert_eq!(newest.manifest_version, "3");
}

#[tokio::test]
async fn package_does_not_undo_a_later_patch() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").tagged("old")).await;
    let applications = ams.applications();
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
        let update = applications.update("game", ams.upload(&package));
        let update = update.await.unwrap();
        let change = applications.patch("game", change).await.unwrap();
        ams.expect_success(update).await;
        ams.expect_success(change).await;
        assert_eq!(ams.get("game").await.tags, [tag]);
    }
    let newest = ams.get("game").await.versions.pop().unwrap();
    assert_eq!(newest.manifest_version, "2");
}

#[tokio::test]
async fn patch_with_present_values_makes_no_version() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").with("version: \"1\""))
        .await;
    let change = ApplicationPatch {
        manifest_version: Some("1".to_owned()),
        ..ApplicationPatch::default()
    };
    patch(&ams, change).await;
    assert_eq!(ams.get("game").await.versions.len(), 1);
}

#[tokio::test]
async fn patch_that_no_manifest_may_contain_is_refused_and_changes_nothing() {
    let ams = TestAms::new().await;
    let before = ams.create(&Package::new("game")).await;
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
        assert!(ams.applications().patch("game", change).await.is_err());
    }
    assert_eq!(ams.get("game").await, before);
}

#[tokio::test]
async fn patch_of_an_application_without_versions_is_validated() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let applications = ams.applications();
    let started = applications
        .delete_version("game", VersionNumber(0), false)
        .await;
    ams.expect_success(started.unwrap()).await;
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
    assert_eq!(ams.get("game").await.instance_type, "a2.3");
}

#[tokio::test]
async fn refusal_names_the_requested_field_and_allowed_values() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let change = ApplicationPatch {
        resources: Some(ResourcesPatch {
            memory: Some("1GB".to_owned()),
            ..ResourcesPatch::default()
        }),
        ..ApplicationPatch::default()
    };
    let refusal = ams.applications().patch("game", change).await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(
        refusal.starts_with("resources.memory: \"1GB\" is not "),
        "{refusal}"
    );
    for unrelated in ["manifest", "line"] {
        assert!(!refusal.contains(unrelated), "{refusal}");
    }
}

/// Starts to create an application and waits until it exists.
async fn start_slow_create(ams: &TestAms) -> (Operation, String) {
    let started = ams.start_create(&Package::new("game").noise("level", 32 << 20, 4));
    let id = started.resource_names("applications").next().unwrap();
    let id = id.to_owned();
    while ams.applications().get(&id).await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    (started, id)
}

#[tokio::test]
async fn operations_after_a_cancelled_creation_fail_with_application_gone() {
    let ams = TestAms::new().await;
    let (started, id) = start_slow_create(&ams).await;
    let applications = ams.applications();
    let package = ams.upload(&Package::new("game"));
    let update = applications.update(&id, package).await.unwrap();
    let change = ApplicationPatch {
        manifest_version: Some("2".to_owned()),
        ..ApplicationPatch::default()
    };
    let change = applications.patch(&id, change).await.unwrap();
    ams.operations().cancel(started.id).unwrap();
    for operation in [update, change] {
        assert_eq!(
            ams.expect_failure(operation).await,
            "application game is gone: its creation failed, or it was deleted meanwhile"
        );
    }
}

#[tokio::test]
async fn invalid_version_attribute_is_refused_before_the_first_version_is_ready() {
    let ams = TestAms::new().await;
    let (started, id) = start_slow_create(&ams).await;
    let change = ApplicationPatch {
        manifest_version: Some("9".repeat(51)),
        ..ApplicationPatch::default()
    };
    let refusal = ams.applications().patch(&id, change).await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.starts_with("manifest_version: "), "{refusal}");
    ams.operations().cancel(started.id).unwrap();
}
