//! Guarantees of every engine. A new engine is a new line in [`engines`].

use aar_testkit::PostgresServer;
use aar_types::{Architecture, Digest, RegistryId, Revision};
use jiff::Timestamp;
use tempfile::TempDir;

use super::*;

/// An engine with an empty registry, and the options to open it again.
struct Fixture {
    _folder: TempDir,
    options: DatabaseOptions,
    metadata: Metadata,
}

async fn engines() -> Vec<Fixture> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("registry.db");
    let sqlite = DatabaseOptions::Sqlite { path };
    let mut engines = vec![fixture(folder, sqlite).await];
    if let Some(server) = PostgresServer::shared("metadata in PostgreSQL") {
        let options = DatabaseOptions::postgres(&server.new_database().url(), None, 4).unwrap();
        engines.push(fixture(TempDir::new().unwrap(), options).await);
    }
    engines
}

async fn fixture(folder: TempDir, options: DatabaseOptions) -> Fixture {
    let metadata = Metadata::open(&options).await.unwrap();
    let id: RegistryId = "test".parse().unwrap();
    let mut tx = metadata.write().await.unwrap();
    let row = RegistryRow {
        id,
        revision: Revision(7),
        compacted: Revision(0),
        trust_revision: 0,
        storage: String::new(),
    };
    tx.insert_registry(&row).await.unwrap();
    tx.commit().await.unwrap();
    Fixture {
        _folder: folder,
        options,
        metadata,
    }
}

fn variant(name: &str) -> VariantRow {
    VariantRow {
        key: VariantKey {
            name: name.parse().unwrap(),
            architecture: Architecture::Amd64,
        },
        metadata: aar_types::ApplicationMetadata::default(),
        revision: Revision(1),
    }
}

async fn revision(metadata: &Metadata) -> Revision {
    metadata.read().await.unwrap().revision().await.unwrap()
}

#[tokio::test]
async fn committed_row_is_visible_to_another_process_and_the_schema_is_created_once() {
    for Fixture {
        options, metadata, ..
    } in &engines().await
    {
        let other = Metadata::open(options).await.unwrap();
        assert_eq!(revision(&other).await, Revision(7));
        let mut tx = metadata.write().await.unwrap();
        tx.set_revision(Revision(8)).await.unwrap();
        assert_eq!(revision(&other).await, Revision(7));
        tx.commit().await.unwrap();
        assert_eq!(revision(&other).await, Revision(8));
    }
}

#[tokio::test]
async fn uncommitted_transaction_leaves_no_row() {
    for Fixture { metadata, .. } in &engines().await {
        let mut dropped = metadata.write().await.unwrap();
        dropped.put_variant(&variant("dropped")).await.unwrap();
        drop(dropped);
        let mut rolled_back = metadata.write().await.unwrap();
        rolled_back.put_variant(&variant("back")).await.unwrap();
        rolled_back.rollback().await.unwrap();
        let mut tx = metadata.read().await.unwrap();
        assert_eq!(tx.variants_after(None, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_reader_sees_one_moment_whatever_is_written_meanwhile() {
    for Fixture { metadata, .. } in &engines().await {
        let mut reader = metadata.read().await.unwrap();
        assert_eq!(reader.revision().await.unwrap(), Revision(7));
        let mut writer = metadata.write().await.unwrap();
        writer.set_revision(Revision(8)).await.unwrap();
        writer.put_variant(&variant("new")).await.unwrap();
        writer.commit().await.unwrap();
        assert_eq!(reader.revision().await.unwrap(), Revision(7));
        assert_eq!(reader.variants_after(None, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn writer_waits_for_the_writer_of_another_process() {
    for Fixture {
        options, metadata, ..
    } in &engines().await
    {
        let other = Metadata::open(options).await.unwrap();
        let mut tx = metadata.write().await.unwrap();
        let waiting = tokio::spawn(async move {
            let mut tx = other.write().await.unwrap();
            let Revision(found) = tx.revision().await.unwrap();
            tx.set_revision(Revision(found + 1)).await.unwrap();
            tx.commit().await.unwrap();
        });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!waiting.is_finished());
        tx.set_revision(Revision(10)).await.unwrap();
        tx.commit().await.unwrap();
        waiting.await.unwrap();
        assert_eq!(revision(metadata).await, Revision(11));
    }
}

#[tokio::test]
async fn rows_are_paged_in_the_order_of_their_keys_without_loss() {
    for Fixture { metadata, .. } in &engines().await {
        let mut tx = metadata.write().await.unwrap();
        // Capitals before small letters, and a point before both: the order of bytes.
        let names = ["b", "a", "B", "a.b", "a-b", "A"];
        for name in names {
            tx.put_variant(&variant(name)).await.unwrap();
        }
        let mut after: Option<VariantKey> = None;
        let mut found = Vec::new();
        loop {
            let page = tx.variants_after(after.as_ref(), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            found.extend(page.into_iter().map(|row| row.key.name.to_string()));
        }
        let mut expected = names.map(str::to_owned);
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_blob_with_a_version_cannot_be_deleted() {
    for Fixture { metadata, .. } in &engines().await {
        let digest = Digest::from_bytes([1; 32]);
        let mut tx = metadata.write().await.unwrap();
        tx.store_blob(&digest, 5, None, Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        let variant = variant("app");
        tx.put_variant(&variant).await.unwrap();
        let row = VersionRow {
            variant: variant.key,
            version: aar_types::Version {
                number: aar_types::VersionNumber(0),
                published: true,
                created_at: Timestamp::UNIX_EPOCH,
                manifest: aar_types::VersionManifest::default(),
                image: aar_types::ImageInfo {
                    fingerprint: aar_types::Fingerprint::from_bytes([2; 32]),
                    digest,
                    size: 5,
                },
            },
            revision: Revision(1),
        };
        tx.insert_version(&row).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = metadata.write().await.unwrap();
        assert!(tx.delete_blob(&digest).await.is_err());
        tx.rollback().await.unwrap();
        let mut tx = metadata.read().await.unwrap();
        assert_eq!(tx.version(&row.key()).await.unwrap(), Some(row));
    }
}
