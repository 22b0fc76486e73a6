//! What every storage has to hold. A new storage is a new line in [`storages`].

use futures_util::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::*;

const CONTENT: &[u8] = b"content";

struct Fixture {
    root: TempDir,
    storage: Storage,
}

async fn storages() -> Vec<Fixture> {
    let folder = TempDir::new().unwrap();
    let root_directory = folder.path().join("data");
    let options = StorageOptions::Fs { root_directory };
    let storage = Storage::open(&options).await.unwrap();
    vec![Fixture {
        root: folder,
        storage,
    }]
}

fn digest() -> Digest {
    use sha2::{Digest as _, Sha256};

    Digest::from_bytes(Sha256::digest(CONTENT).into())
}

fn upload() -> UploadId {
    "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10".parse().unwrap()
}

/// The folder, where files are staged.
fn folder(storage: &Storage) -> &fs::FsStorage {
    match storage {
        Storage::Fs(folder) => folder,
        Storage::S3(bucket) => panic!("{bucket:?} stages no files"),
    }
}

/// Stages the content as an upload that has come to its end.
async fn stage_all(storage: &Storage) {
    let staged = folder(storage).stage(upload(), 0).await.unwrap().unwrap();
    staged.write(&Bytes::from_static(CONTENT), 0).unwrap();
    staged.sync().unwrap();
}

#[tokio::test]
async fn an_object_is_what_was_written_last_until_it_is_deleted() {
    for Fixture { storage, .. } in &storages().await {
        let key = Key::Certificate(aar_types::Fingerprint::from_bytes([1; 32]));
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
async fn what_is_staged_becomes_a_blob_once_and_asking_again_does_no_harm() {
    for Fixture { storage, .. } in &storages().await {
        let (digest, size) = (digest(), CONTENT.len() as u64);
        assert!(!storage.keep_staged(upload(), &digest, size).await.unwrap());
        stage_all(storage).await;
        assert_eq!(storage.blob_size(&digest).await.unwrap(), None);
        for _ in 0..2 {
            assert!(storage.keep_staged(upload(), &digest, size).await.unwrap());
            assert_eq!(storage.blob_size(&digest).await.unwrap(), Some(size));
            assert_eq!(folder(storage).staged_size(upload()).await.unwrap(), None);
        }
        let read = storage.hash_blob(&digest).await.unwrap();
        assert_eq!(read, Some((size, digest)));
        assert!(storage.open_blob(&digest, size).await.unwrap().is_some());
        assert!(storage.delete(&Key::Blob(digest)).await.unwrap());
        assert!(storage.open_blob(&digest, size).await.unwrap().is_none());
        assert_eq!(storage.hash_blob(&digest).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_is_staged_in_part_never_becomes_a_blob() {
    for Fixture { storage, .. } in &storages().await {
        stage_all(storage).await;
        let size = CONTENT.len() as u64 + 1;
        assert!(
            !storage
                .keep_staged(upload(), &digest(), size)
                .await
                .unwrap()
        );
        assert_eq!(storage.blob_size(&digest()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_cannot_be_made_to_last_becomes_no_blob_by_trying_again() {
    for Fixture { root, storage } in &storages().await {
        // This is a file that cannot be synced.
        let staged = root.path().join("data/staging").join(upload().to_string());
        std::os::unix::fs::symlink("/dev/null", &staged).unwrap();
        storage
            .keep_staged(upload(), &digest(), 0)
            .await
            .unwrap_err();
        assert!(!storage.keep_staged(upload(), &digest(), 0).await.unwrap());
        assert!(std::fs::symlink_metadata(&staged).is_err());
    }
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    for Fixture { storage, .. } in &storages().await {
        let pieces = [Ok(Bytes::from_static(b"con")), Err(Error::Stopped)];
        let broken = futures_util::stream::iter(pieces).boxed();
        let copied = storage.write_blob(&digest(), 7, broken).await;
        assert!(matches!(copied, Err(Error::Stopped)), "{copied:?}");
        assert_eq!(storage.leftovers().await.unwrap(), []);
    }
}

#[tokio::test]
async fn staging_goes_on_at_an_offset_and_forgets_what_lies_beyond() {
    for Fixture { storage, .. } in &storages().await {
        assert!(folder(storage).stage(upload(), 3).await.unwrap().is_none());
        assert_eq!(folder(storage).staged_size(upload()).await.unwrap(), None);
        stage_all(storage).await;
        assert!(
            folder(storage)
                .stage(upload(), 100)
                .await
                .unwrap()
                .is_none()
        );
        assert!(folder(storage).stage(upload(), 3).await.unwrap().is_some());
        assert_eq!(
            folder(storage).staged_size(upload()).await.unwrap(),
            Some(3)
        );
        assert_eq!(
            folder(storage).discard_staged(upload()).await.unwrap(),
            Some(3)
        );
        assert_eq!(
            folder(storage).discard_staged(upload()).await.unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn staged_files_are_found_and_know_their_upload() {
    for Fixture { storage, .. } in &storages().await {
        assert_eq!(storage.leftovers().await.unwrap(), []);
        stage_all(storage).await;
        let found = storage.leftovers().await.unwrap();
        assert_eq!((found.len(), found[0].upload), (1, Some(upload())));
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

#[test]
fn a_full_disk_at_the_bottom_of_an_error_is_found_and_told_once() {
    let error = object_store::Error::Generic {
        store: "folder",
        source: std::io::Error::from(std::io::ErrorKind::StorageFull).into(),
    };
    let told = error.to_string();
    let Error::StorageFull { source } = Error::from(error) else {
        panic!("not a full disk");
    };
    assert_eq!(source.to_string(), told);
    assert!(source.source().is_none(), "{source:?}");
}
