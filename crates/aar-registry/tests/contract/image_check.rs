//! Only images that a package makes are committed, under the fingerprint of their content.

use aar_registry::{Error, Operator, Upload};
use aar_testkit::packed;
use aar_types::{ErrorCode, Fingerprint, ImageInfo};

use crate::backend::{
    AMD64, Fixture, body, digest, name, noise, number, on_every_backend, put, refused,
};

async fn publish(operator: &Operator, image: ImageInfo) -> Result<(), Error> {
    let app = name("app");
    let published = operator.publish(&app, AMD64, number(0), put(image));
    published.await.map(drop)
}

/// Uploads in pieces, each with a request of its own.
async fn upload(fixture: &Fixture, bytes: &[u8], pieces: usize) -> Upload {
    let operator = fixture.operator();
    let mut upload = fixture.begin_upload(bytes).await;
    for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
        let appended = operator.append(upload.id, upload.offset, body([piece]));
        upload = appended.await.unwrap();
    }
    assert!(upload.complete);
    upload
}

#[tokio::test]
async fn fingerprint_that_the_content_does_not_have_is_refused() {
    on_every_backend(async |fixture| {
        let image = fixture.store(b"content").await;
        let invented = ImageInfo {
            fingerprint: Fingerprint::from_bytes([7; 32]),
            ..image
        };
        let refusal = refused(publish(&fixture.operator(), invented).await);
        assert_eq!(refusal.code(), ErrorCode::DigestMismatch);
        let text = refusal.to_string();
        for value in [image.fingerprint, invented.fingerprint] {
            assert!(text.contains(&value.to_string()), "{text}");
        }
        assert_eq!(fixture.versions().await, [""; 0]);
        publish(&fixture.operator(), image).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn content_that_is_no_image_is_refused_with_the_reason() {
    on_every_backend(async |mut fixture| {
        let noise = noise(100_000);
        let mut changed = packed(b"content").bytes;
        changed.push(0);
        for bytes in [noise, changed] {
            upload(&fixture, &bytes, 1).await;
            let image = ImageInfo {
                fingerprint: Fingerprint::from_bytes([7; 32]),
                digest: digest(&bytes),
                size: bytes.len() as u64,
            };
            let refusal = refused(publish(&fixture.operator(), image).await);
            assert!(matches!(refusal, Error::ImageRefused { .. }), "{refusal}");
            assert_eq!(refusal.code(), ErrorCode::DigestMismatch);
        }
        assert_eq!(fixture.versions().await, [""; 0]);
        // Refusals are recorded in the background.
        fixture.registry.close().await;
        fixture.restart().await;
        let log = fixture.audit_actions().await;
        assert!(log.iter().any(|action| action == "publish"), "{log:?}");
    })
    .await;
}

#[tokio::test]
async fn image_checked_while_it_arrived_is_not_read_again() {
    on_every_backend(async |fixture| {
        for pieces in [1, 3] {
            let image = packed(&noise(200_000 + pieces));
            let upload = upload(&fixture, &image.bytes, pieces).await;
            // The commit would find the damage if it read the blob.
            fixture.damage(&crate::backend::blob(&upload.digest));
            publish(&fixture.operator(), image.info).await.unwrap();
            fixture
                .operator()
                .remove_application(&name("app"), None)
                .await
                .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn image_of_an_upload_that_a_restart_interrupted_is_read_before_the_commit() {
    on_every_backend(async |mut fixture| {
        let image = packed(&noise(200_000));
        let upload = fixture.begin_upload(&image.bytes).await;
        let (first, rest) = image.bytes.split_at(100_000);
        let operator = fixture.operator();
        let half = operator.append(upload.id, 0, body([first])).await;
        let half = half.unwrap().offset;
        fixture.restart().await;
        let operator = fixture.operator();
        let done = operator.append(upload.id, half, body([rest])).await;
        assert!(done.unwrap().complete);
        let key = crate::backend::blob(&upload.digest);
        fixture.damage(&key);
        let damaged = refused(publish(&fixture.operator(), image.info).await);
        assert!(matches!(damaged, Error::ImageDamaged { .. }), "{damaged}");
        fixture.overwrite(&key, &image.bytes);
        publish(&fixture.operator(), image.info).await.unwrap();
    })
    .await;
}
