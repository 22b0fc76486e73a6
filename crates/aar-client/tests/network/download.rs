//! Downloads over a network, from a registry and from storage that all fail now and then.

use std::{sync::Arc, time::Duration};

use crate::support::{
    ARCHITECTURE, NUMBER, Place, client, client_of_two, content, image,
    images::{Accident, redirecting, serving, status},
    name, watched,
};
use aar_client::{Error, RegistryClient, Transfer};
use aar_types::ImageInfo;
use proptest::prelude::*;

const LENGTH: usize = 3_000_000;

async fn fetch(client: &RegistryClient, image: &ImageInfo, place: &Place) -> Result<(), Error> {
    let to = place.file();
    let transfer = Transfer::default();
    client
        .download(&name(), ARCHITECTURE, NUMBER, image, &to, &transfer)
        .await
}

/// What is at the final place, and that there is nothing beside it.
fn arrived(place: &Place) -> Vec<u8> {
    assert!(!place.partial().exists(), "a partial file is left");
    std::fs::read(place.file()).unwrap()
}

#[tokio::test]
async fn an_image_arrives_in_one_request() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let place = Place::new();
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/1.0/applications/app/amd64/versions/3/image");
    assert_eq!(seen[0].header("range"), None);
}

#[tokio::test]
async fn an_empty_image_arrives_too() {
    let server = serving(&[], vec![]).await;
    let place = Place::new();
    fetch(&client(&server), &image(&[]), &place).await.unwrap();
    assert_eq!(arrived(&place), b"");
}

#[tokio::test]
async fn what_is_there_already_is_verified_and_not_fetched_again() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let place = Place::new();
    let client = client(&server);
    fetch(&client, &image(&content), &place).await.unwrap();
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(server.seen().len(), 1);

    std::fs::write(place.file(), vec![0; LENGTH]).unwrap();
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(arrived(&place), content);
}

#[tokio::test]
async fn after_a_cut_it_goes_on_where_it_was() {
    let content = content(LENGTH);
    let cuts = [1, 500_000, 1_200_000].map(Accident::Cut).to_vec();
    let server = serving(&content, cuts).await;
    let place = Place::new();
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[3].header("range"), Some("bytes=1700001-"));
    let tag = format!("\"{}\"", image(&content).digest);
    assert_eq!(seen[3].header("if-range"), Some(&*tag));
}

#[tokio::test]
async fn a_restarted_process_goes_on_at_the_end_of_the_partial_file() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let place = Place::new();
    place.write_partial(&content[..2_345_678]);
    let (transfer, progress) = watched();
    client(&server)
        .download(
            &name(),
            ARCHITECTURE,
            NUMBER,
            &image(&content),
            &place.file(),
            &transfer,
        )
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    assert_eq!(server.seen()[0].header("range"), Some("bytes=2345678-"));
    let progress = progress.lock().unwrap();
    assert!(progress.iter().all(|bytes| *bytes > 2_345_678));
    assert_eq!(progress.last(), Some(&(LENGTH as u64)));
}

#[tokio::test]
async fn a_complete_partial_file_needs_no_request() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let place = Place::new();
    place.write_partial(&content);
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_partial_file_of_something_else_is_thrown_away() {
    let content = content(LENGTH);
    for wrong in [vec![0; 1_000_000], vec![0; LENGTH], vec![0; LENGTH + 1]] {
        let server = serving(&content, vec![]).await;
        let place = Place::new();
        place.write_partial(&wrong);
        fetch(&client(&server), &image(&content), &place)
            .await
            .unwrap();
        assert_eq!(arrived(&place), content);
    }
}

#[tokio::test]
async fn a_flipped_byte_is_noticed_and_fetched_again() {
    let content = content(LENGTH);
    let server = serving(&content, vec![Accident::Flip(1_000_000)]).await;
    let place = Place::new();
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn content_that_stays_wrong_is_reported_and_not_kept() {
    let content = content(LENGTH);
    let server = serving(&content, vec![Accident::Flip(0), Accident::Flip(1)]).await;
    let place = Place::new();
    let error = fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap_err();
    let Error::DigestMismatch { expected, found } = error else {
        panic!("{error}");
    };
    assert_eq!(expected, image(&content).digest);
    assert_ne!(expected, found);
    assert!(!place.file().exists() && !place.partial().exists());
}

#[tokio::test]
async fn a_size_that_is_not_the_promised_one_is_noticed_and_fetched_again() {
    let content = content(LENGTH);
    for accident in [Accident::Short(1_000_000), Accident::Long] {
        let server = serving(&content, vec![accident]).await;
        let place = Place::new();
        fetch(&client(&server), &image(&content), &place)
            .await
            .unwrap();
        assert_eq!(arrived(&place), content);
        let seen = server.seen();
        assert_eq!((seen.len(), seen[1].header("range")), (2, None));
    }
}

#[tokio::test]
async fn a_size_that_stays_wrong_is_reported_and_nothing_is_kept() {
    let content = content(LENGTH);
    let promised = image(&content);
    for stored in [&content[..1_000_000], &[&content[..], b"more"].concat()] {
        let storage = serving(stored, vec![]).await;
        let registry = redirecting(&storage).await;
        let place = Place::new();
        let error = fetch(&client_of_two(&registry, &storage), &promised, &place)
            .await
            .unwrap_err();
        let Error::SizeMismatch { expected, found } = error else {
            panic!("{error}");
        };
        assert_eq!((expected, found), (promised.size, stored.len() as u64));
        assert_eq!(storage.seen().len(), 2);
        assert!(!place.file().exists() && !place.partial().exists());
    }
}

#[tokio::test]
async fn a_rest_of_something_shorter_is_noticed_before_any_of_it_is_taken() {
    let content = content(LENGTH);
    let beyond = vec![("content-range".to_owned(), "bytes */1000000".to_owned())];
    let server = serving(&content, vec![Accident::Status(416, beyond)]).await;
    let place = Place::new();
    place.write_partial(&content[..1_500_000]);
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    assert_eq!(server.seen()[1].header("range"), None);
}

#[tokio::test]
async fn more_than_was_promised_is_refused() {
    let content = content(LENGTH);
    let server = serving(&content, vec![Accident::LongUnsaid; 10]).await;
    let place = Place::new();
    let error = fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert!(!place.file().exists());
}

#[tokio::test]
async fn a_download_that_begins_anew_again_and_again_is_given_up() {
    let content = content(LENGTH);
    let rounds = vec![[Accident::Cut(1_000_000), Accident::Whole]; 10];
    let server = serving(&content, rounds.concat()).await;
    let place = Place::new();
    let error = fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    assert!(!place.file().exists());
    // One that gets further each time is not.
    let place = Place::new();
    let cuts = (1..8).flat_map(|cut| [Accident::Cut(cut * 400_000), Accident::Whole]);
    let server = serving(&content, cuts.collect()).await;
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
}

#[tokio::test]
async fn a_whole_image_instead_of_the_rest_begins_anew() {
    let content = content(LENGTH);
    for accident in [Accident::Whole, Accident::OtherPart, status(416)] {
        let server = serving(&content, vec![Accident::Cut(1_000_000), accident]).await;
        let place = Place::new();
        fetch(&client(&server), &image(&content), &place)
            .await
            .unwrap();
        assert_eq!(arrived(&place), content);
        assert_eq!(server.seen()[2].header("range"), None);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let content = content(LENGTH);
    let wait = vec![("retry-after".to_owned(), "1".to_owned())];
    let server = serving(&content, vec![Accident::Status(503, wait)]).await;
    let place = Place::new();
    let begun = std::time::Instant::now();
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_connection_that_stands_still_is_given_up_and_a_slow_one_is_not() {
    let content = content(LENGTH);
    let server = serving(
        &content,
        vec![
            Accident::Stall(1_000_000, Duration::from_mins(1)),
            Accident::Stall(500_000, Duration::from_millis(300)),
        ],
    )
    .await;
    let place = Place::new();
    fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap();
    assert_eq!(arrived(&place), content);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn failures_without_an_end_are_reported_and_what_arrived_is_kept() {
    let content = content(LENGTH);
    let mut accidents = vec![Accident::Cut(1_000_000)];
    accidents.extend(vec![status(503); 20]);
    let server = serving(&content, accidents).await;
    let place = Place::new();
    let error = fetch(&client(&server), &image(&content), &place)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 503, .. }),
        "{error}"
    );
    assert_eq!(server.seen().len(), 4);
    assert_eq!(
        std::fs::read(place.partial()).unwrap(),
        content[..1_000_000]
    );
}

#[tokio::test]
async fn a_refusal_is_final() {
    let content = content(10);
    for code in [403, 404] {
        let server = serving(&content, vec![status(code); 5]).await;
        let place = Place::new();
        let error = fetch(&client(&server), &image(&content), &place)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Refused { status, .. } if status == code),
            "{error}"
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn cancelling_ends_it_at_once_and_the_next_attempt_goes_on() {
    let content = content(LENGTH);
    let stall = Accident::Stall(2_500_000, Duration::from_millis(600));
    let server = serving(&content, vec![stall]).await;
    let place = Place::new();
    let client = client(&server);
    let cancelled = tokio_util::sync::CancellationToken::new();
    let transfer = Transfer {
        progress: Arc::new({
            let cancelled = cancelled.clone();
            move |bytes| {
                if bytes >= 2_500_000 {
                    cancelled.cancel();
                }
            }
        }),
        cancelled,
    };
    let image = image(&content);
    let (name, to) = (name(), place.file());
    let download = client.download(&name, ARCHITECTURE, NUMBER, &image, &to, &transfer);
    assert!(matches!(download.await, Err(Error::Cancelled)));
    fetch(&client, &image, &place).await.unwrap();
    assert_eq!(arrived(&place), content);
    let seen = server.seen();
    assert_eq!(seen[1].header("range"), Some("bytes=2500000-"));
}

#[tokio::test]
async fn two_downloads_to_one_place_do_not_disturb_each_other() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let place = Place::new();
    let (client, image) = (client(&server), image(&content));
    let both = tokio::join!(
        fetch(&client, &image, &place),
        fetch(&client, &image, &place)
    );
    both.0.unwrap();
    both.1.unwrap();
    assert_eq!(arrived(&place), content);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_named_and_heals() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let place = Place::new();
    std::fs::create_dir_all(place.partial().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", place.partial()).unwrap();
    let client = client(&server);
    let error = fetch(&client, &image(&content), &place).await.unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("app.tar.zst.partial"), "{error}");
    std::fs::remove_file(place.partial()).unwrap();
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(arrived(&place), content);
}

#[tokio::test]
async fn storage_elsewhere_sees_no_certificate_and_no_header_of_ours() {
    let content = content(LENGTH);
    let storage = serving(&content, vec![Accident::Cut(1_000_000)]).await;
    let registry = redirecting(&storage).await;
    let place = Place::new();
    let client = client_of_two(&registry, &storage);
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(arrived(&place), content);
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| seen.certificate.is_some())
    );
    for seen in storage.seen() {
        assert_eq!(seen.certificate, None);
        for name in seen.headers.keys().map(ToString::to_string) {
            let plain =
                ["host", "accept", "user-agent", "range", "if-range"].contains(&name.as_str());
            assert!(plain, "storage was sent {name}");
        }
    }
}

#[tokio::test]
async fn an_address_that_expires_in_the_middle_costs_one_more_question() {
    let content = content(LENGTH);
    let storage = serving(&content, vec![Accident::Cut(2_000_000), status(403)]).await;
    let registry = redirecting(&storage).await;
    let place = Place::new();
    let client = client_of_two(&registry, &storage);
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(arrived(&place), content);
    let asked: Vec<_> = storage
        .seen()
        .iter()
        .map(|seen| seen.query.clone())
        .collect();
    assert_eq!(asked, ["signature=1", "signature=2", "signature=3"]);
    assert_eq!(storage.seen()[2].header("range"), Some("bytes=2000000-"));
}

#[tokio::test]
async fn the_rest_has_to_belong_to_what_storage_sent_before() {
    let content = content(LENGTH);
    let accidents = vec![Accident::Cut(1_000_000), Accident::Cut(500_000)];
    let storage = serving(&content, accidents).await;
    let registry = redirecting(&storage).await;
    let place = Place::new();
    place.write_partial(&content[..100_000]);
    let client = client_of_two(&registry, &storage);
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(arrived(&place), content);
    let tag = format!("\"{}\"", image(&content).digest);
    let seen = storage.seen();
    let asked: Vec<_> = seen.iter().map(|seen| seen.header("if-range")).collect();
    assert_eq!(asked, [None, Some(&*tag), Some(&*tag)]);
}

#[tokio::test]
async fn storage_that_never_knows_its_tag_costs_one_new_beginning() {
    let content = content(LENGTH);
    let mut accidents = vec![Accident::Cut(1_000_000), Accident::Whole];
    accidents.extend(vec![Accident::Cut(1_000_000); 2]);
    let storage = serving(&content, accidents).await;
    let registry = redirecting(&storage).await;
    let place = Place::new();
    let client = client_of_two(&registry, &storage);
    fetch(&client, &image(&content), &place).await.unwrap();
    assert_eq!(arrived(&place), content);
    let ranges: Vec<_> = storage
        .seen()
        .iter()
        .map(|s| s.header("range").map(str::to_owned))
        .collect();
    let from = |at: &str| Some(format!("bytes={at}-"));
    assert_eq!(
        ranges,
        [
            None,
            from("1000000"),
            None,
            from("1000000"),
            from("2000000")
        ]
    );
    assert!(
        storage.seen()[3..]
            .iter()
            .all(|seen| seen.header("if-range").is_none())
    );
}

#[tokio::test]
async fn storage_that_refuses_for_good_is_reported() {
    let content = content(10);
    let storage = serving(&content, vec![status(403); 20]).await;
    let registry = redirecting(&storage).await;
    let place = Place::new();
    let client = client_of_two(&registry, &storage);
    let error = fetch(&client, &image(&content), &place).await.unwrap_err();
    assert!(
        matches!(error, Error::ContentRefused { status: 403, .. }),
        "{error}"
    );
    assert_eq!(storage.seen().len(), 4);
}

#[tokio::test]
async fn storage_with_an_unknown_certificate_is_not_believed() {
    let content = content(10);
    let storage = serving(&content, vec![]).await;
    let registry = redirecting(&storage).await;
    let place = Place::new();
    let error = fetch(&client(&registry), &image(&content), &place)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ContentUnreachable { .. }), "{error}");
    let host = format!("127.0.0.1:{}", storage.url().port().unwrap());
    assert!(error.to_string().contains(&host), "{error}");
    assert_eq!(storage.seen().len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wherever_it_is_cut_the_right_file_arrives(
        length in 1_usize..2_500_000,
        cuts in prop::collection::vec(0_usize..2_500_000, 0..6),
        there in 0_usize..2_500_000,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let content = content(length);
            // A cut at the very beginning gets it nowhere; too many of those are a failure.
            let cuts = cuts.into_iter().map(|cut| Accident::Cut(cut.max(1)));
            let server = serving(&content, cuts.collect()).await;
            let place = Place::new();
            place.write_partial(&content[..there.min(length)]);
            fetch(&client(&server), &image(&content), &place).await.unwrap();
            assert_eq!(arrived(&place), content);
        });
    }
}
