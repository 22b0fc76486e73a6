//! Uploads into a folder.

use std::os::unix::fs::symlink;

use super::*;

#[tokio::test]
async fn bytes_behind_the_durable_offset_are_cut_off() {
    on_folders(async |fixture| {
        let content = noise(1_000_000);
        let upload = fixture.begin_upload(&content).await;
        fixture
            .operator()
            .append(upload.id, 0, body([&content[..400_000]]))
            .await
            .unwrap();
        // Written, and not yet recorded when the machine failed.
        let mut more = std::fs::read(staged(&fixture, upload.id)).unwrap();
        more.resize(700_000, 0);
        std::fs::write(staged(&fixture, upload.id), more).unwrap();
        assert!(append_rest(&fixture, &upload, &content).await.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    })
    .await;
}

#[tokio::test]
async fn full_disk_fails_the_request_and_the_upload_continues_later() {
    on_folders(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        fixture
            .operator()
            .append(upload.id, 0, body([b""]))
            .await
            .unwrap();
        // A file on a full device.
        std::fs::remove_file(staged(&fixture, upload.id)).unwrap();
        symlink("/dev/full", staged(&fixture, upload.id)).unwrap();
        let full = refused(
            fixture
                .operator()
                .append(upload.id, 0, body([&content]))
                .await,
        );
        assert!(matches!(full, Error::StorageFull { .. }), "{full}");
        assert_eq!(full.code(), aar_types::ErrorCode::StorageFull);
        assert_eq!(offset(&fixture, upload.id).await, 0);

        std::fs::remove_file(staged(&fixture, upload.id)).unwrap();
        assert!(append_rest(&fixture, &upload, &content).await.complete);
    })
    .await;
}

#[tokio::test]
async fn run_to_completion_complete_upload_is_finished_after_a_restart() {
    on_folders(async |mut fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let digest = upload.digest.to_string();
        let place = format!("blobs/sha256/{}/{digest}", &digest[..2]);
        // Everything is durable, and the file cannot be renamed.
        let obstruction = fixture.obstruct(&place);
        refused(
            fixture
                .operator()
                .append(upload.id, 0, body([&content]))
                .await,
        );
        drop(obstruction);
        fixture.restart().await;
        // Now it can, but the program is stopped between rename and commit.
        fixture
            .with_lost_commit(async |operator| {
                assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
            })
            .await;
        assert_eq!(fixture.staged(), 0);
        let finished = fixture.operator().upload(upload.id).await.unwrap().unwrap();
        assert!(finished.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        fixture.publish("app", 0, &content).await;
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn upload_whose_file_is_lost_cannot_be_continued() {
    on_folders(async |fixture| {
        let content = noise(1000);
        let upload = fixture.begin_upload(&content).await;
        fixture
            .operator()
            .append(upload.id, 0, body([&content[..500]]))
            .await
            .unwrap();
        std::fs::remove_file(staged(&fixture, upload.id)).unwrap();
        let lost = fixture
            .operator()
            .append(upload.id, 500, body([&content[500..]]))
            .await;
        assert!(matches!(refused(lost), Error::UploadNotFound { .. }));
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn failing_machine_loses_at_most_one_checkpoint() {
    on_folders(async |fixture| {
        let content = noise(70 << 20);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (most, _) = hanging(&content[..content.len() - 1]);
        let running = tokio::spawn(async move { operator.append(upload.id, 0, most).await });
        // Another process sees what would be left after a failure.
        let other = fixture.another().await;
        let durable = async || {
            other
                .operator("other")
                .upload(upload.id)
                .await
                .unwrap()
                .unwrap()
        };
        let mut seen = 0;
        for _ in 0..600 {
            seen = durable().await.offset;
            if seen >= 64 << 20 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(seen >= 64 << 20, "only {seen} bytes are durable");
        running.abort();
        assert!(append_rest(&fixture, &upload, &content).await.complete);
    })
    .await;
}
