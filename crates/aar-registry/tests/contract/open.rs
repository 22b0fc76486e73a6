use std::os::unix::fs::PermissionsExt;

use aar_registry::{Error, Registry};

use crate::backend::{Backend, Fixture, on_every_backend, on_folders, refused};

#[tokio::test]
async fn registry_id_is_created_once_and_kept() {
    on_every_backend(async |mut fixture| {
        let id = fixture.registry.id().clone();
        fixture.restart().await;
        assert_eq!(*fixture.registry.id(), id);
        assert_eq!(*fixture.another().await.id(), id);
    })
    .await;
}

#[tokio::test]
async fn storage_of_another_registry_is_refused() {
    on_every_backend(async |fixture| {
        let other = Fixture::start(Backend::SqliteFolder).await.unwrap();
        let mut options = fixture.options.clone();
        options.storage = other.options.storage.clone();
        let error = refused(Registry::open(options).await);
        let Error::ForeignStorage { storage, database } = &error else {
            panic!("{error}");
        };
        assert_eq!(
            (storage, database),
            (other.registry.id(), fixture.registry.id())
        );
    })
    .await;
}

#[tokio::test]
async fn empty_database_beside_used_storage_is_refused_and_names_rebuild() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        fixture.registry.close().await;
        fixture.lose_database();
        let error = refused(Registry::open(fixture.options.clone()).await);
        assert!(matches!(error, Error::EmptyDatabase));
        assert!(error.to_string().contains("aar storage rebuild"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn storage_without_registry_json_is_refused_with_its_expected_content() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let mark = fixture.content("registry.json").unwrap();
        let before: serde_json::Value = serde_json::from_slice(&mark).unwrap();
        fixture.erase("registry.json");
        let error = refused(Registry::open(fixture.options.clone()).await);
        let Error::UnmarkedStorage { expected } = error else {
            panic!("{error}");
        };
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&expected).unwrap(),
            before
        );
    })
    .await;
}

#[tokio::test]
async fn newer_format_is_refused() {
    on_every_backend(async |fixture| {
        let mark = format!("{{\"id\": \"{}\", \"format\": 2}}", fixture.registry.id());
        fixture.overwrite("registry.json", mark.as_bytes());
        let error = refused(Registry::open(fixture.options.clone()).await);
        assert!(
            matches!(error, Error::NewerFormat { found: 2, known: 1 }),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn first_start_interrupted_after_marking_storage_can_be_repeated() {
    on_every_backend(async |fixture| {
        let id = fixture.registry.id().clone();
        fixture.registry.close().await;
        fixture.lose_database();
        let registry = Registry::open(fixture.options.clone()).await.unwrap();
        assert_eq!(*registry.id(), id);
    })
    .await;
}

#[tokio::test]
async fn status_counts_applications_blobs_and_uploads() {
    on_every_backend(async |fixture| {
        let used = fixture.publish("app", 0, b"image").await.size;
        let unused = fixture.store(b"not used").await.size;
        let upload = fixture.begin_upload(b"coming").await;
        let body = crate::backend::body([b"com"]);
        fixture.operator().append(upload.id, 0, body).await.unwrap();
        let status = fixture.operator().status().await.unwrap();
        assert_eq!((status.applications, status.versions), (1, 1));
        assert_eq!(
            (status.blobs, status.blob_bytes, status.unreferenced_bytes),
            (2, used + unused, unused)
        );
        assert_eq!((status.uploads, status.staged_bytes), (1, 3));
    })
    .await;
}

#[tokio::test]
async fn database_and_storage_are_private() {
    on_folders(async |fixture| {
        let mode =
            |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&fixture.database()), 0o600);
        assert_eq!(mode(fixture.database().parent().unwrap()), 0o700);
        assert_eq!(mode(&fixture.root()), 0o700);
    })
    .await;
}

#[tokio::test]
async fn two_first_starts_at_once_create_one_registry() {
    on_folders(async |fixture| {
        let other = Fixture::start(Backend::SqliteFolder).await.unwrap();
        drop(fixture);
        other.registry.close().await;
        std::fs::remove_dir_all(other.database().parent().unwrap()).unwrap();
        std::fs::remove_dir_all(other.root()).unwrap();
        let open = || tokio::spawn(Registry::open(other.options.clone()));
        let (one, two) = tokio::join!(open(), open());
        assert_eq!(one.unwrap().unwrap().id(), two.unwrap().unwrap().id());
    })
    .await;
}

#[tokio::test]
async fn health_names_unusable_storage_and_database() {
    on_folders(async |fixture| {
        assert!(fixture.registry.health().await.healthy);
        let obstruction = fixture.obstruct("registry.json");
        let health = fixture.registry.health().await;
        assert_eq!((health.healthy, health.problems.len()), (false, 1));
        drop(obstruction);
        assert!(fixture.registry.health().await.healthy);
        fixture.registry.close().await;
        assert!(!fixture.registry.health().await.healthy);
    })
    .await;
}
