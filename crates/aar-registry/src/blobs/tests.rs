//! What every storage has to hold. A new storage is a new line in [`storages`].

use futures_util::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::*;

const CONTENT: &[u8] = b"content";

struct Fixture {
    root: TempDir,
    blobs: Blobs,
}

async fn storages() -> Vec<Fixture> {
    let folder = TempDir::new().unwrap();
    let root_directory = folder.path().join("data");
    let options = StorageOptions::Fs { root_directory };
    let blobs = Blobs::open(&options).await.unwrap();
    vec![Fixture {
        root: folder,
        blobs,
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
fn folder(blobs: &Blobs) -> &fs::FsBlobs {
    match blobs {
        Blobs::Fs(folder) => folder,
        Blobs::S3(bucket) => panic!("{bucket:?} stages no files"),
    }
}

/// Stages the content as an upload that has come to its end.
async fn stage_all(blobs: &Blobs) {
    let staged = folder(blobs).stage(upload(), 0).await.unwrap().unwrap();
    staged.write(&Bytes::from_static(CONTENT), 0).unwrap();
    staged.sync().unwrap();
}

#[tokio::test]
async fn an_object_is_what_was_written_last_until_it_is_deleted() {
    for Fixture { blobs, .. } in &storages().await {
        let key = Key::Certificate(aar_types::Fingerprint::from_bytes([1; 32]));
        assert_eq!(blobs.get(&key).await.unwrap(), None);
        assert!(!blobs.delete(&key).await.unwrap());
        for text in ["first", "second"] {
            blobs.put(&key, text.into()).await.unwrap();
            assert_eq!(blobs.get(&key).await.unwrap(), Some(text.into()));
        }
        assert!(!blobs.put_new(&key, "third".into()).await.unwrap());
        let listed: Vec<_> = blobs.list(Area::Trust).try_collect().await.unwrap();
        assert_eq!((listed.len(), listed[0].size), (1, 6));
        assert_eq!(listed[0].key(), Some(key.clone()));
        assert!(!blobs.is_empty().await.unwrap());
        assert!(blobs.delete(&key).await.unwrap());
        assert_eq!(blobs.get(&key).await.unwrap(), None);
        assert!(blobs.is_empty().await.unwrap());
        assert!(blobs.put_new(&key, "again".into()).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_staged_becomes_a_blob_once_and_asking_again_does_no_harm() {
    for Fixture { blobs, .. } in &storages().await {
        let (digest, size) = (digest(), CONTENT.len() as u64);
        assert!(!blobs.keep_staged(upload(), &digest, size).await.unwrap());
        stage_all(blobs).await;
        assert_eq!(blobs.blob_size(&digest).await.unwrap(), None);
        for _ in 0..2 {
            assert!(blobs.keep_staged(upload(), &digest, size).await.unwrap());
            assert_eq!(blobs.blob_size(&digest).await.unwrap(), Some(size));
            assert_eq!(folder(blobs).staged_size(upload()).await.unwrap(), None);
        }
        let read = blobs.hash_blob(&digest).await.unwrap();
        assert_eq!(read, Some((size, digest)));
        assert!(blobs.open_blob(&digest, size).await.unwrap().is_some());
        assert!(blobs.delete(&Key::Blob(digest)).await.unwrap());
        assert!(blobs.open_blob(&digest, size).await.unwrap().is_none());
        assert_eq!(blobs.hash_blob(&digest).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_is_staged_in_part_never_becomes_a_blob() {
    for Fixture { blobs, .. } in &storages().await {
        stage_all(blobs).await;
        let size = CONTENT.len() as u64 + 1;
        assert!(!blobs.keep_staged(upload(), &digest(), size).await.unwrap());
        assert_eq!(blobs.blob_size(&digest()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_cannot_be_made_to_last_becomes_no_blob_by_trying_again() {
    for Fixture { root, blobs } in &storages().await {
        // This is a file that cannot be synced.
        let staged = root.path().join("data/staging").join(upload().to_string());
        std::os::unix::fs::symlink("/dev/null", &staged).unwrap();
        blobs.keep_staged(upload(), &digest(), 0).await.unwrap_err();
        assert!(!blobs.keep_staged(upload(), &digest(), 0).await.unwrap());
        assert!(std::fs::symlink_metadata(&staged).is_err());
    }
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    for Fixture { blobs, .. } in &storages().await {
        let pieces = [Ok(Bytes::from_static(b"con")), Err(Error::Stopped)];
        let broken = futures_util::stream::iter(pieces).boxed();
        let copied = blobs.write_blob(&digest(), 7, broken).await;
        assert!(matches!(copied, Err(Error::Stopped)), "{copied:?}");
        assert_eq!(blobs.leftovers().await.unwrap(), []);
    }
}

#[tokio::test]
async fn staging_goes_on_at_an_offset_and_forgets_what_lies_beyond() {
    for Fixture { blobs, .. } in &storages().await {
        assert!(folder(blobs).stage(upload(), 3).await.unwrap().is_none());
        assert_eq!(folder(blobs).staged_size(upload()).await.unwrap(), None);
        stage_all(blobs).await;
        assert!(folder(blobs).stage(upload(), 100).await.unwrap().is_none());
        assert!(folder(blobs).stage(upload(), 3).await.unwrap().is_some());
        assert_eq!(folder(blobs).staged_size(upload()).await.unwrap(), Some(3));
        assert_eq!(
            folder(blobs).discard_staged(upload()).await.unwrap(),
            Some(3)
        );
        assert_eq!(folder(blobs).discard_staged(upload()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn staged_files_are_found_and_know_their_upload() {
    for Fixture { blobs, .. } in &storages().await {
        assert_eq!(blobs.leftovers().await.unwrap(), []);
        stage_all(blobs).await;
        let found = blobs.leftovers().await.unwrap();
        assert_eq!((found.len(), found[0].upload), (1, Some(upload())));
        let path = &found[0].path;
        assert_eq!(blobs.leftover(path).await.unwrap().as_ref(), found.first());
        assert!(blobs.delete_leftover(path).await.unwrap());
        assert!(!blobs.delete_leftover(path).await.unwrap());
        assert_eq!(blobs.leftover(path).await.unwrap(), None);
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
