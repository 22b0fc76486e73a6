use aar_registry::Content;
use futures_util::{StreamExt, TryStreamExt};

use crate::backend::{
    AMD64, Fixture, GRACE, blob, name, noise, number, on_every_backend, on_folders, refused,
};
use aar_testkit::packed;

const SIZE: usize = 3_000_000;

async fn open(fixture: &Fixture) -> Content {
    let fetch = fixture
        .operator()
        .fetch(&name("app"), AMD64, number(0))
        .await;
    fetch.unwrap().unwrap().content
}

async fn read(file: &Content, range: std::ops::Range<u64>) -> Vec<u8> {
    let pieces: Vec<_> = file.stream(range).unwrap().try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn image_is_streamed_whole_and_in_ranges() {
    on_every_backend(async |fixture| {
        let content = noise(SIZE);
        fixture.publish("app", 0, &content).await;
        let content = packed(&content).bytes;
        let file = open(&fixture).await;
        for (from, to) in [
            (0, content.len()),
            (0, 1),
            (content.len() - 1, content.len()),
            (777, 2_222_222),
            (5, 5),
        ] {
            let found = read(&file, from as u64..to as u64).await;
            assert!(found == content[from..to], "{from}..{to}");
        }
    })
    .await;
}

#[tokio::test]
async fn image_is_streamed_in_large_pieces() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, &noise(SIZE)).await;
        let file = open(&fixture).await;
        let pieces: Vec<_> = file
            .stream(0..SIZE as u64)
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let all_but_last = &pieces[..pieces.len() - 1];
        assert!(all_but_last.iter().all(|piece| piece.len() >= 256 << 10));
    })
    .await;
}

#[tokio::test]
async fn missing_version_is_none_and_lost_image_is_an_error() {
    on_every_backend(async |fixture| {
        let image = fixture.publish("app", 0, b"image").await;
        let operator = fixture.operator();
        assert!(
            operator
                .fetch(&name("app"), AMD64, number(1))
                .await
                .unwrap()
                .is_none()
        );
        fixture.erase(&blob(&image.digest));
        let lost = refused(operator.fetch(&name("app"), AMD64, number(0)).await);
        assert!(
            matches!(lost, aar_registry::Error::ImageMissing { .. }),
            "{lost}"
        );
    })
    .await;
}

#[tokio::test]
async fn image_of_another_size_than_its_version_is_refused() {
    on_every_backend(async |fixture| {
        let image = fixture.publish("app", 0, b"image").await;
        for other in [&b"imag"[..], b"", b"images"] {
            fixture.overwrite(&blob(&image.digest), other);
            let damaged = refused(
                fixture
                    .operator()
                    .fetch(&name("app"), AMD64, number(0))
                    .await,
            );
            assert!(
                matches!(damaged, aar_registry::Error::ImageDamaged { .. }),
                "{damaged}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn download_survives_garbage_collection() {
    on_folders(async |fixture| {
        let content = noise(SIZE);
        let image = fixture.publish("app", 0, &content).await;
        let file = open(&fixture).await;
        let mut stream = file.stream(0..image.size).unwrap();
        let mut found = stream.next().await.unwrap().unwrap().to_vec();

        fixture
            .operator()
            .remove_application(&name("app"), None)
            .await
            .unwrap();
        fixture.clock.advance(GRACE);
        assert_eq!(fixture.collect().await.freed.len(), 1);
        assert!(!fixture.has(&blob(&image.digest)));

        while let Some(piece) = stream.next().await {
            found.extend_from_slice(&piece.unwrap());
        }
        assert!(found == packed(&content).bytes);
    })
    .await;
}
