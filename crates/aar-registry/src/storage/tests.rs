//! Guarantees of every backend. A new backend is a new line in [`storages`].

use aar_fs::Sha256Hasher;
use aar_types::{Digest, Fingerprint};
use futures_util::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::{staged::StoredPart, *};

const CONTENT: &[u8] = b"content";

struct Fixture {
    folder: TempDir,
    storage: Storage,
}

async fn storages() -> Vec<Fixture> {
    let folder = TempDir::new().unwrap();
    let root_directory = folder.path().join("data");
    let options = StorageOptions::Fs { root_directory };
    let storage = Storage::open(&options).await.unwrap();
    vec![Fixture { folder, storage }]
}

fn digest() -> Digest {
    let mut hasher = Sha256Hasher::new();
    hasher.update(CONTENT);
    hasher.finish()
}

fn id(length: usize) -> StagedId {
    StagedId {
        upload: "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10".parse().unwrap(),
        digest: digest(),
        length: length as u64,
        multipart: None,
    }
}

/// Resumes an upload with these recorded bytes.
async fn resume(storage: &Storage, recorded: &[u8]) -> Result<StagedWriter, Error> {
    let mut durable = Checkpoint {
        offset: recorded.len() as u64,
        ..Checkpoint::default()
    };
    durable.hasher.update(recorded);
    let progress = Progress {
        durable: durable.clone(),
        ..Progress::default()
    };
    let mut staged = storage.staged(id(CONTENT.len()));
    staged.resume(&progress).await?;
    Ok(StagedWriter::new(staged, CONTENT.len() as u64, durable))
}

/// Appends and makes durable. Returns the offset of the upload.
async fn append(mut writer: StagedWriter, bytes: &'static [u8]) -> (u64, Option<StoredPart>) {
    writer.write(Bytes::from_static(bytes)).await.unwrap();
    writer.flush().await.unwrap();
    let Durable { checkpoint, part } = writer.next_durable().await.unwrap().unwrap();
    assert!(!writer.has_checkpoints());
    (checkpoint.offset, part)
}

async fn stage_all(storage: &Storage) {
    let writer = resume(storage, b"").await.unwrap();
    assert_eq!(append(writer, CONTENT).await, (7, None));
}

async fn finish(storage: &Storage, length: usize) -> Result<bool, Error> {
    storage.staged(id(length)).finish(&[]).await
}

#[tokio::test]
async fn object_is_what_was_written_last_until_it_is_deleted() {
    for Fixture { storage, .. } in &storages().await {
        let key = ObjectKey::Certificate(Fingerprint::from_bytes([1; 32]));
        assert_eq!(storage.get(&key).await.unwrap(), None);
        assert!(!storage.delete(&key).await.unwrap());
        for text in ["first", "second"] {
            storage.put(&key, text.into()).await.unwrap();
            assert_eq!(storage.get(&key).await.unwrap(), Some(text.into()));
        }
        assert!(!storage.put_new(&key, "third".into()).await.unwrap());
        let listed: Vec<_> = storage.list(Area::Trust).try_collect().await.unwrap();
        assert_eq!((listed.len(), listed[0].size), (1, 6));
        assert_eq!(listed[0].key(), Some(key.clone()));
        assert!(!storage.is_empty().await.unwrap());
        assert!(storage.delete(&key).await.unwrap());
        assert_eq!(storage.get(&key).await.unwrap(), None);
        assert!(storage.is_empty().await.unwrap());
        assert!(storage.put_new(&key, "again".into()).await.unwrap());
    }
}

#[tokio::test]
async fn listing_has_every_object_of_its_area_and_no_write_in_flight() {
    for Fixture { storage, folder } in &storages().await {
        let key = |number| ObjectKey::Certificate(Fingerprint::from_bytes([number; 32]));
        for number in 0..20 {
            storage.put(&key(number), "x".into()).await.unwrap();
        }
        std::fs::write(folder.path().join("data/trust/.new-a1B2c3"), b"x").unwrap();
        let listed: Vec<_> = storage.list(Area::Trust).try_collect().await.unwrap();
        let mut keys: Vec<_> = listed.iter().map(|object| object.path.clone()).collect();
        keys.sort_unstable();
        let expected: Vec<_> = (0..20).map(|number| key(number).to_string()).collect();
        assert_eq!(keys, expected);
        let others = storage.list(Area::Applications);
        assert_eq!(others.count().await, 0);
    }
}

#[tokio::test]
async fn finishing_turns_what_is_staged_into_the_blob_and_can_be_repeated() {
    for Fixture { storage, .. } in &storages().await {
        let (digest, size) = (digest(), CONTENT.len() as u64);
        assert!(!finish(storage, CONTENT.len()).await.unwrap());
        stage_all(storage).await;
        assert_eq!(storage.blob_size(&digest).await.unwrap(), None);
        for _ in 0..2 {
            assert!(finish(storage, CONTENT.len()).await.unwrap());
            assert_eq!(storage.blob_size(&digest).await.unwrap(), Some(size));
            assert_eq!(storage.leftovers().await.unwrap(), []);
        }
        let read = storage.hash_blob(&digest).await.unwrap();
        assert_eq!(read, Some((size, digest)));
        assert!(storage.open_blob(&digest, size).await.unwrap().is_some());
        assert!(storage.delete(&ObjectKey::Blob(digest)).await.unwrap());
        assert!(storage.open_blob(&digest, size).await.unwrap().is_none());
        assert_eq!(storage.hash_blob(&digest).await.unwrap(), None);
    }
}

#[tokio::test]
async fn incomplete_upload_never_becomes_a_blob() {
    for Fixture { storage, .. } in &storages().await {
        stage_all(storage).await;
        assert!(!finish(storage, CONTENT.len() + 1).await.unwrap());
        assert_eq!(storage.blob_size(&digest()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn file_that_cannot_be_synced_never_becomes_a_blob() {
    for Fixture { folder, storage } in &storages().await {
        let staged = folder.path().join("data/staging");
        let staged = staged.join(id(0).upload.to_string());
        std::os::unix::fs::symlink("/dev/null", &staged).unwrap();
        finish(storage, 0).await.unwrap_err();
        assert!(!finish(storage, 0).await.unwrap());
        assert!(std::fs::symlink_metadata(&staged).is_err());
    }
}

#[tokio::test]
async fn failed_copy_leaves_nothing() {
    for Fixture { storage, .. } in &storages().await {
        let broken = || vec![Ok(Bytes::from_static(b"con")), Err(Error::Stopped)];
        let damaged = || vec![Ok(Bytes::from_static(b"CONTENT"))];
        let too_long = || vec![Ok(Bytes::from_static(b"content, and more"))];
        for pieces in [broken(), damaged(), too_long()] {
            let content = futures_util::stream::iter(pieces).boxed();
            let copied = storage.write_blob(&digest(), 7, content).await;
            let failed = copied.unwrap_err();
            assert!(
                matches!(failed, Error::Stopped | Error::ImageDamaged { .. }),
                "{failed}"
            );
            assert_eq!(storage.leftovers().await.unwrap(), []);
            assert_eq!(storage.blob_size(&digest()).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn upload_resumes_at_its_offset_and_drops_what_lies_behind() {
    for Fixture { storage, .. } in &storages().await {
        let lost = resume(storage, b"con").await.err().unwrap();
        assert!(matches!(lost, Error::UploadNotFound { .. }), "{lost}");
        assert_eq!(storage.leftovers().await.unwrap(), []);
        let writer = resume(storage, b"").await.unwrap();
        assert_eq!(append(writer, b"conTENT").await.0, 7);
        assert!(
            resume(storage, &[b"content", CONTENT].concat())
                .await
                .is_err()
        );
        let writer = resume(storage, b"con").await.unwrap();
        assert_eq!(storage.leftovers().await.unwrap()[0].size, 3);
        assert_eq!(append(writer, b"tent").await.0, 7);
        assert!(finish(storage, CONTENT.len()).await.unwrap());
        let stored = storage.hash_blob(&digest()).await.unwrap();
        assert_eq!(stored, Some((7, digest())));
    }
}

#[tokio::test]
async fn aborted_upload_leaves_nothing() {
    for Fixture { storage, .. } in &storages().await {
        stage_all(storage).await;
        for _ in 0..2 {
            storage.staged(id(CONTENT.len())).abort().await.unwrap();
            assert_eq!(storage.leftovers().await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn leftover_names_its_upload_and_can_be_deleted() {
    for Fixture { storage, .. } in &storages().await {
        assert_eq!(storage.leftovers().await.unwrap(), []);
        stage_all(storage).await;
        let found = storage.leftovers().await.unwrap();
        assert_eq!((found.len(), found[0].upload), (1, Some(id(0).upload)));
        let path = &found[0].path;
        assert_eq!(
            storage.leftover(path).await.unwrap().as_ref(),
            found.first()
        );
        assert!(storage.delete_leftover(path).await.unwrap());
        assert!(!storage.delete_leftover(path).await.unwrap());
        assert_eq!(storage.leftover(path).await.unwrap(), None);
    }
}
