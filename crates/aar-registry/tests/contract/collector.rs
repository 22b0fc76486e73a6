use std::{
    fs::{self, File},
    time::SystemTime,
};

use aar_registry::{GcItem, GcPlan, Registry};
use jiff::SignedDuration;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::backend::{
    AMD64, Backend, EXPIRY, Fixture, GRACE, blob, body, digest, image, name, number,
    on_every_backend, on_folders, put, refused, upload_of,
};
use aar_testkit::{PackedImage, packed};

async fn remove(fixture: &Fixture, n: u32) {
    let removed = fixture
        .operator()
        .remove_version(&name("app"), AMD64, number(n))
        .await;
    assert!(removed.unwrap());
}

#[tokio::test]
async fn row_first_blob_later_unreferenced_blob_is_kept_for_the_grace_period() {
    on_every_backend(async |fixture| {
        let image = fixture.publish("app", 0, b"image").await;
        fixture.clock.advance(GRACE * 2);
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
        remove(&fixture, 0).await;
        fixture
            .clock
            .advance(GRACE - SignedDuration::from_micros(1));
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
        fixture.clock.advance(SignedDuration::from_micros(1));
        let plan = fixture.operator().gc_plan().await.unwrap();
        let expected = GcItem::UnreferencedBlob {
            digest: image.digest,
            bytes: image.size,
        };
        assert_eq!(plan.items, [expected]);
        // Making the plan has deleted nothing.
        assert!(fixture.has(&blob(&image.digest)));
        let report = fixture.operator().gc_apply(plan.clone()).await.unwrap();
        assert_eq!((report.freed, report.spared.len()), (plan.items, 0));
        assert!(!fixture.has(&blob(&image.digest)));
        assert_eq!(fixture.operator().status().await.unwrap().blobs, 0);
    })
    .await;
}

#[tokio::test]
async fn blob_of_another_version_is_not_freed() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        fixture.publish("app", 1, b"image").await;
        remove(&fixture, 0).await;
        fixture.clock.advance(GRACE * 2);
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
        remove(&fixture, 1).await;
        fixture.clock.advance(GRACE);
        assert_eq!(fixture.collect().await.freed.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn planned_item_that_is_needed_again_is_spared_and_reported() {
    on_every_backend(async |fixture| {
        for n in 0..3 {
            fixture
                .publish("app", n, format!("image {n}").as_bytes())
                .await;
        }
        fixture
            .operator()
            .remove_application(&name("app"), None)
            .await
            .unwrap();
        fixture.clock.advance(GRACE);
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 3);
        let again = fixture.operator();
        let again = again
            .publish(&name("app"), AMD64, number(0), put(image(b"image 0")))
            .await;
        again.unwrap();
        assert!(
            fixture
                .begin_upload(&packed(b"image 1").bytes)
                .await
                .complete
        );
        let report = fixture.operator().gc_apply(plan).await.unwrap();
        let unused = image(b"image 2");
        let freed = GcItem::UnreferencedBlob {
            digest: unused.digest,
            bytes: unused.size,
        };
        assert_eq!(report.freed, [freed]);
        assert_eq!(report.spared.len(), 2);
        assert!(
            report
                .spared
                .iter()
                .all(|spared| spared.reason.contains("needed"))
        );
        assert!(fixture.verify().await.missing.is_empty());
    })
    .await;
}

#[tokio::test]
async fn image_known_only_to_a_descriptor_is_kept_until_the_descriptor_is_deleted() {
    on_every_backend(async |mut fixture| {
        let known = fixture.store(b"known").await;
        fixture
            .with_lost_commit(async |operator| {
                let unknown = packed(b"unknown");
                let upload = operator
                    .create_upload(upload_of(&unknown.bytes), "")
                    .await
                    .unwrap();
                operator
                    .append(upload.id, 0, body([&unknown.bytes]))
                    .await
                    .unwrap();
                operator
                    .publish(&name("app"), AMD64, number(0), put(known))
                    .await
                    .unwrap();
                operator
                    .publish(&name("app"), AMD64, number(1), put(unknown.info))
                    .await
                    .unwrap();
            })
            .await;
        let unused = fixture.store(b"unused").await;
        fixture.clock.advance(GRACE * 2);
        let freed = GcItem::UnreferencedBlob {
            digest: unused.digest,
            bytes: unused.size,
        };
        assert_eq!(fixture.collect().await.freed, [freed]);
        fixture.rebuild().await;
        assert_eq!(fixture.versions().await, ["app/amd64/0", "app/amd64/1"]);
        fixture
            .operator()
            .remove_application(&name("app"), None)
            .await
            .unwrap();
        fixture.clock.advance(GRACE);
        assert_eq!(fixture.collect().await.freed.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn expired_uploads_are_freed_and_others_are_not() {
    on_every_backend(async |fixture| {
        let stale = fixture.begin_upload(b"stale").await;
        fixture
            .operator()
            .append(stale.id, 0, body([b"sta"]))
            .await
            .unwrap();
        fixture.clock.advance(EXPIRY / 2);
        let young = fixture.begin_upload(b"young").await;
        fixture
            .operator()
            .append(young.id, 0, body([b"you"]))
            .await
            .unwrap();
        fixture.clock.advance(EXPIRY / 2);
        let report = fixture.collect().await;
        assert_eq!(
            report.freed,
            [GcItem::StaleUpload {
                id: stale.id,
                bytes: 3
            }]
        );
        assert_eq!(fixture.staged(), if fixture.is_in_bucket() { 2 } else { 1 });
        assert_eq!(
            fixture
                .operator()
                .upload(young.id)
                .await
                .unwrap()
                .unwrap()
                .offset,
            3
        );
    })
    .await;
}

#[tokio::test]
async fn orphaned_blob_that_an_upload_announces_is_spared() {
    on_every_backend(async |fixture| {
        let orphan = blob(&digest(b"orphan"));
        fixture.overwrite(&orphan, b"orphan");
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 1);
        fixture.begin_upload(b"orphan").await;
        assert_eq!(
            fixture
                .operator()
                .gc_apply(plan)
                .await
                .unwrap()
                .spared
                .len(),
            1
        );
        assert!(fixture.has(&orphan));
    })
    .await;
}

#[tokio::test]
async fn two_processes_that_collect_at_once_free_everything_once() {
    on_every_backend(async |fixture| {
        for n in 0..20 {
            fixture.store(format!("image {n}").as_bytes()).await;
        }
        fixture.clock.advance(GRACE);
        let other = fixture.another().await.operator("other");
        let mine = fixture.operator();
        let plan = mine.gc_plan().await.unwrap();
        let (one, two) = tokio::join!(mine.gc_apply(plan.clone()), other.gc_apply(plan));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.freed.len() + two.freed.len(), 20);
        assert_eq!(one.spared.len() + two.spared.len(), 20);
        assert_eq!(fixture.operator().status().await.unwrap().blobs, 0);
    })
    .await;
}

#[tokio::test]
async fn blob_being_deleted_is_not_stored_until_it_is_uploaded_again() {
    on_folders(async |fixture| {
        let image = fixture.store(b"image").await;
        fixture.clock.advance(GRACE);
        // The file cannot be deleted, so the collection stops half-way.
        let digest = image.digest.to_string();
        let obstruction = fixture.obstruct(&format!("blobs/sha256/{}/{digest}", &digest[..2]));
        let report = fixture.collect().await;
        assert_eq!((report.freed.len(), report.spared.len()), (0, 1));
        drop(obstruction);

        let publish = fixture.operator();
        let publish = publish
            .publish(&name("app"), AMD64, number(0), put(image))
            .await;
        assert!(matches!(
            refused(publish),
            aar_registry::Error::ImageNotStored { .. }
        ));
        // A deletion that has begun is in the next plan, even within the grace period.
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 1);
        let bytes = packed(b"image").bytes;
        let upload = fixture.begin_upload(&bytes).await;
        assert!(!upload.complete);
        fixture
            .operator()
            .append(upload.id, 0, body([&bytes]))
            .await
            .unwrap();
        assert_eq!(
            fixture
                .operator()
                .gc_apply(plan)
                .await
                .unwrap()
                .spared
                .len(),
            1
        );
        fixture.publish("app", 0, b"image").await;
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn orphaned_files_are_freed_after_the_grace_period() {
    on_folders(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let staged = fixture.object("staging/0d8a9c1e-8f3c-4c5a-9a57-4f3f3f8b1a11");
        let cut_short = fixture.object("applications/app/amd64/.new-a1B2c3");
        let orphan = fixture.object(&blob(&image(b"orphan").digest));
        fs::create_dir_all(orphan.parent().unwrap()).unwrap();
        let files = [&staged, &cut_short, &orphan];
        for file in files {
            fs::write(file, b"orphan").unwrap();
            let now = SystemTime::from(fixture.now());
            File::options()
                .write(true)
                .open(file)
                .unwrap()
                .set_modified(now)
                .unwrap();
        }
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
        fixture.clock.advance(GRACE);
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!((plan.items.len(), plan.bytes()), (3, 18));
        let report = fixture.operator().gc_apply(plan).await.unwrap();
        assert_eq!((report.freed.len(), report.bytes()), (3, 18));
        assert!(files.iter().all(|file| !file.exists()));
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
    })
    .await;
}

#[tokio::test]
async fn foreign_files_beside_the_images_are_never_freed() {
    on_folders(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let names = [
            "staging/report.pdf",
            "staging/deep/x.bin",
            "applications/.new-notes1",
            "trust/.new-notes.txt",
        ];
        for name in names {
            let file = fixture.object(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, b"theirs").unwrap();
            File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_modified(SystemTime::UNIX_EPOCH)
                .unwrap();
        }
        fixture.clock.advance(GRACE);
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
        // Nor is anything else freed by a plan that names it.
        let planned = names.into_iter().chain(["../outside"]);
        fs::write(fixture.object("../outside"), b"theirs").unwrap();
        let items = planned.map(|path| GcItem::OrphanedFile {
            path: path.to_owned(),
            bytes: 6,
        });
        let plan = GcPlan {
            items: items.collect(),
        };
        assert_eq!(fixture.operator().gc_apply(plan).await.unwrap().freed, []);
        assert!(names.iter().all(|name| fixture.object(name).exists()));
        assert!(fixture.object("../outside").exists());
    })
    .await;
}

/// A step of a publisher or a collector.
#[derive(Debug, Clone)]
enum Step {
    /// Uploads image `.0` where it is not stored, and commits it as a version.
    Push(u8, u32),
    Remove(u32),
    Collect,
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u8, 0..6_u32).prop_map(|(image, version)| Step::Push(image, version)),
        3 => (0..6_u32).prop_map(Step::Remove),
        3 => Just(Step::Collect),
        2 => (1..30_i64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..15)
}

async fn perform(registry: Registry, clock: aar_types::ManualClock, steps: Vec<Step>) {
    let operator = registry.operator("actor");
    for step in steps {
        match step {
            Step::Push(content, version) => push(&operator, content, version).await,
            Step::Remove(version) => {
                let app = name("app");
                let removed = operator.remove_version(&app, AMD64, number(version));
                removed.await.unwrap();
            }
            Step::Collect => {
                let plan = operator.gc_plan().await.unwrap();
                operator.gc_apply(plan).await.unwrap();
            }
            Step::Pass(hours) => clock.advance(SignedDuration::from_hours(hours)),
        }
    }
}

/// Pushes as a publisher does. A collection or another push of the same image may come in between; then it
/// begins anew, and succeeds or finds another version there.
async fn push(operator: &aar_registry::Operator, content: u8, version: u32) {
    use aar_registry::Error;

    let PackedImage { bytes, info } = packed(&[content; 100]);
    for _ in 0..50 {
        let new = upload_of(&bytes);
        let upload = operator.create_upload(new, "").await.unwrap();
        if !upload.complete {
            match operator.append(upload.id, 0, body([&bytes])).await {
                Ok(done) => assert!(done.complete),
                Err(
                    Error::UploadNotFound { .. }
                    | Error::UploadOffset { .. }
                    | Error::UploadLocked { .. },
                ) => continue,
                Err(error) => panic!("{error}"),
            }
        }
        match operator
            .publish(&name("app"), AMD64, number(version), put(info))
            .await
        {
            Ok(_) | Err(Error::VersionConflict { .. }) => return,
            Err(
                Error::ImageNotStored { .. }
                | Error::ObjectLocked { .. }
                | Error::Undelivered { .. },
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it was collected fifty times in a row");
}

/// Invariant 3: while publishers and collectors work at once, in two processes, every version has its
/// blob.
#[test]
fn garbage_collection_is_safe_while_pushes_run() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&(steps(), steps(), steps()), |(a, b, c)| {
        runtime.block_on(async {
            let fixture = Fixture::start(Backend::SqliteFolder).await.unwrap();
            let other = fixture.another().await;
            let actors = [
                (fixture.registry.clone(), a),
                (fixture.registry.clone(), b),
                (other, c),
            ];
            let clock = &fixture.clock;
            let running = actors
                .map(|(registry, steps)| tokio::spawn(perform(registry, clock.clone(), steps)));
            for actor in running {
                actor.await.unwrap();
            }
            let options = aar_registry::VerifyOptions {
                deep: true,
                repair: false,
            };
            let report = fixture.operator().verify(options).await.unwrap();
            prop_assert!(report.is_sound(), "{report:?}");
            fixture.clock.advance(GRACE * 10);
            fixture.collect().await;
            let status = fixture.operator().status().await.unwrap();
            prop_assert_eq!(status.unreferenced_bytes, 0);
            prop_assert!(fixture.operator().verify(options).await.unwrap().is_sound());
            Ok(())
        })
    });
    outcome.unwrap();
}
