use std::time::Duration;

use aar_registry::{Error, Options, Registry, StorageOptions, VerifyOptions};
use aar_testkit::{Fault, S3Network};
use aar_types::Role;
use tokio::time::timeout;

use crate::backend::{
    AMD64, Fixture, body, certificate, image, in_bucket, name, noise, number, on_buckets,
    on_every_backend, put, refused,
};

/// Longer than any request may take.
const LONG: Duration = Duration::from_mins(2);

fn folder(fixture: &Fixture, name: &str) -> StorageOptions {
    StorageOptions::Fs {
        root_directory: fixture.root().with_file_name(name),
    }
}

async fn is_sound(registry: &Registry) -> bool {
    let options = VerifyOptions {
        deep: true,
        repair: false,
    };
    let report = registry.operator("test").verify(options).await.unwrap();
    report.is_sound() && report.stray.is_empty()
}

/// Publishes three versions. Returns the size of their images.
async fn fill(fixture: &Fixture) -> u64 {
    let images = [
        fixture.publish("app", 0, &noise(9 << 20)).await,
        fixture.publish("app", 1, b"one").await,
        fixture.publish("other", 0, b"two").await,
    ];
    let new = certificate(1, Role::Client);
    fixture.operator().trust_add(new).await.unwrap();
    images.iter().map(|image| image.size).sum()
}

#[tokio::test]
async fn migration_moves_everything_and_keeps_the_old_storage() {
    on_every_backend(async |mut fixture| {
        let size = fill(&fixture).await;
        let revision = fixture.revision().await;
        let target = folder(&fixture, "elsewhere");
        let report = fixture.operator().migrate(&target).await.unwrap();
        assert_eq!((report.images, report.bytes), (3, size));
        assert!(is_sound(&fixture.registry).await);
        assert_eq!(fixture.revision().await, revision);
        fixture.publish("app", 2, b"after").await;

        // The old storage cannot be opened any more; the new one can, with everything in it.
        let old = refused(Registry::open(fixture.options.clone()).await);
        assert!(matches!(old, Error::StorageMoved), "{old}");
        fixture.options.storage = target.clone();
        fixture.restart().await;
        assert!(is_sound(&fixture.registry).await);
        assert_eq!(fixture.versions().await.len(), 4);
        assert!(fixture.registry.health().await.healthy);
        assert!(
            fixture
                .operator()
                .migrate(&target)
                .await
                .unwrap()
                .already_there
        );
    })
    .await;
}

#[tokio::test]
async fn other_process_does_not_write_to_the_old_storage() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let other = fixture.another().await;
        let operator = other.operator("other");
        let target = folder(&fixture, "elsewhere");
        fixture.operator().migrate(&target).await.unwrap();
        let late = operator
            .publish(&name("app"), AMD64, number(9), put(image(b"one")))
            .await;
        assert!(matches!(refused(late), Error::StorageMoved));
        assert!(other.storage_has_moved().await.unwrap());
        assert!(!other.health().await.healthy);

        other.follow_storage(&target).await.unwrap();
        assert!(!other.storage_has_moved().await.unwrap());
        let (app, again) = (name("app"), put(image(b"one")));
        operator
            .publish(&app, AMD64, number(9), again)
            .await
            .unwrap();
        assert!(is_sound(&fixture.registry).await);
    })
    .await;
}

#[tokio::test]
async fn interrupted_migration_is_not_used_and_continues() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let target = folder(&fixture, "elsewhere");
        // Without an image the copy cannot be finished.
        let lost = crate::backend::blob(&image(b"one").digest);
        let kept = fixture.content(&lost).unwrap();
        fixture.erase(&lost);
        let cut = refused(fixture.operator().migrate(&target).await);
        assert!(matches!(cut, Error::ImageMissing { .. }), "{cut}");
        let unfinished = Options {
            storage: target.clone(),
            ..fixture.options.clone()
        };
        let unfinished = refused(Registry::open(unfinished).await);
        assert!(
            matches!(unfinished, Error::StorageIncomplete),
            "{unfinished}"
        );
        assert!(fixture.another().await.health().await.healthy);

        // A deletion in the meantime is copied, too.
        fixture.overwrite(&lost, &kept);
        fixture
            .operator()
            .remove_application(&name("other"), None)
            .await
            .unwrap();
        fixture.operator().migrate(&target).await.unwrap();
        assert!(is_sound(&fixture.registry).await);
        assert_eq!(fixture.versions().await, ["app/amd64/0", "app/amd64/1"]);
    })
    .await;
}

#[tokio::test]
async fn damaged_image_is_not_copied() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        fixture.overwrite(&crate::backend::blob(&image(b"one").digest), b"onE");
        let target = folder(&fixture, "elsewhere");
        let damaged = refused(fixture.operator().migrate(&target).await);
        assert!(matches!(damaged, Error::ImageDamaged { .. }), "{damaged}");
    })
    .await;
}

#[tokio::test]
async fn storage_of_others_is_not_overwritten() {
    on_every_backend(async |fixture| {
        let other = Fixture::start(crate::backend::Backend::SqliteFolder)
            .await
            .unwrap();
        let foreign = refused(fixture.operator().migrate(&other.options.storage).await);
        assert!(matches!(foreign, Error::ForeignStorage { .. }), "{foreign}");
        let place = fixture.root().with_file_name("full");
        std::fs::create_dir_all(place.join("trust")).unwrap();
        std::fs::write(place.join("trust/notes"), b"mine").unwrap();
        let full = refused(fixture.operator().migrate(&folder(&fixture, "full")).await);
        assert!(matches!(full, Error::TargetNotEmpty), "{full}");
    })
    .await;
}

#[tokio::test]
async fn open_uploads_begin_anew_in_the_new_storage() {
    on_every_backend(async |fixture| {
        let upload = fixture.begin_upload(b"content").await;
        fixture
            .operator()
            .append(upload.id, 0, body([b"cont"]))
            .await
            .unwrap();
        let target = folder(&fixture, "elsewhere");
        let report = fixture.operator().migrate(&target).await.unwrap();
        assert_eq!(report.uploads_given_up, 1);
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
        assert_eq!(fixture.staged(), 0);
        fixture.store(b"content").await;
    })
    .await;
}

#[tokio::test]
async fn registry_is_rebuilt_from_its_new_storage() {
    on_every_backend(async |mut fixture| {
        fill(&fixture).await;
        fixture.options.storage = folder(&fixture, "elsewhere");
        fixture
            .operator()
            .migrate(&fixture.options.storage.clone())
            .await
            .unwrap();
        fixture.rebuild().await;
        assert_eq!(fixture.versions().await.len(), 3);
        assert!(is_sound(&fixture.registry).await);
    })
    .await;
}

#[tokio::test]
async fn registry_moves_out_of_a_bucket_and_back() {
    on_buckets(async |mut fixture| {
        fill(&fixture).await;
        let out = folder(&fixture, "elsewhere");
        fixture.operator().migrate(&out).await.unwrap();
        let image = fixture.publish("app", 2, &noise(17 << 20)).await;
        // Back to the old copy, and on to another prefix of the same bucket.
        let back = fixture.options.storage.clone();
        let report = fixture.operator().migrate(&back).await.unwrap();
        assert_eq!((report.images, report.bytes), (1, image.size));
        assert!(is_sound(&fixture.registry).await);
        let mut s3 = in_bucket(fixture.bucket());
        "another/prefix".clone_into(&mut s3.prefix);
        let on = StorageOptions::S3(Box::new(s3));
        assert_eq!(fixture.operator().migrate(&on).await.unwrap().images, 4);
        fixture.options.storage = on;
        fixture.restart().await;
        assert!(is_sound(&fixture.registry).await);
        assert_eq!(fixture.bucket().uploads(), []);
    })
    .await;
}

#[tokio::test]
async fn failed_copy_into_a_bucket_ends_at_once_and_leaves_nothing() {
    on_buckets(async |fixture| {
        fixture.publish("app", 0, &noise(17 << 20)).await;
        let network = S3Network::start(fixture.bucket().server().address());
        let mut s3 = in_bucket(fixture.bucket());
        "another/prefix".clone_into(&mut s3.prefix);
        s3.endpoint = Some(network.url());
        network.each(
            |seen| seen.is_part() && seen.query.contains("partNumber=1"),
            Fault::Delay(LONG),
        );
        network.each(
            |seen| seen.is_part() && seen.query.contains("partNumber=2"),
            Fault::Status(403),
        );
        let target = StorageOptions::S3(Box::new(s3));
        let operator = fixture.operator();
        let failed = timeout(LONG / 2, operator.migrate(&target)).await;
        let failed = refused(failed.expect("the copy waits for a part that does not arrive"));
        assert!(matches!(failed, Error::Bucket(_)), "{failed}");
        assert_eq!(fixture.bucket().uploads(), []);
        network.heal();
        operator.migrate(&target).await.unwrap();
        assert!(is_sound(&fixture.registry).await);
    })
    .await;
}
