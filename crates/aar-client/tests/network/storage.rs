//! Downloads from storage to which the registry redirects, with faults.

use crate::{
    download::{LENGTH, download, downloaded},
    support::{
        TestFolder, client, client_of_two, content, image,
        images::{Fault, redirecting, serving, status},
    },
};
use aar_client::Error;

#[tokio::test]
async fn image_of_another_size_twice_is_reported_and_discarded() {
    let content = content(LENGTH);
    let promised = image(&content);
    for stored in [&content[..1_000_000], &[&content[..], b"more"].concat()] {
        let storage = serving(stored, vec![]).await;
        let registry = redirecting(&storage).await;
        let folder = TestFolder::new();
        let error = download(&client_of_two(&registry, &storage), &promised, &folder)
            .await
            .unwrap_err();
        let Error::SizeMismatch { expected, found } = error else {
            panic!("{error}");
        };
        assert_eq!((expected, found), (promised.size, stored.len() as u64));
        assert_eq!(storage.requests().len(), 2);
        assert!(!folder.file().exists() && !folder.partial().exists());
    }
}

#[tokio::test]
async fn storage_receives_no_certificate_and_no_own_header() {
    let content = content(LENGTH);
    let storage = serving(&content, vec![Fault::Cut(1_000_000)]).await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    assert!(
        registry
            .requests()
            .iter()
            .all(|request| request.certificate.is_some())
    );
    let requests = storage.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.certificate, None);
        for name in request.headers.keys().map(ToString::to_string) {
            let plain =
                ["host", "accept", "user-agent", "range", "if-range"].contains(&name.as_str());
            assert!(plain, "storage was sent {name}");
        }
    }
}

#[tokio::test]
async fn storage_url_is_used_until_it_expires() {
    let content = content(LENGTH);
    let storage = serving(&content, vec![Fault::Cut(2_000_000), status(403)]).await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    let requests: Vec<_> = storage
        .requests()
        .iter()
        .map(|request| request.query.clone())
        .collect();
    assert_eq!(requests, ["signature=1", "signature=1", "signature=2"]);
    assert_eq!(
        storage.requests()[2].header("range"),
        Some("bytes=2000000-")
    );
}

#[tokio::test]
async fn remainder_is_requested_with_the_tag_of_the_storage() {
    let content = content(LENGTH);
    let faults = vec![Fault::Cut(1_000_000), Fault::Cut(500_000)];
    let storage = serving(&content, faults).await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    folder.write_partial(&content[..100_000]);
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    let tag = format!("\"{}\"", image(&content).digest);
    let requests = storage.requests();
    let tags: Vec<_> = requests
        .iter()
        .map(|request| request.header("if-range"))
        .collect();
    assert_eq!(tags, [None, Some(&*tag), Some(&*tag)]);
}

#[tokio::test]
async fn storage_that_ignores_its_tag_restarts_the_download_once() {
    let content = content(LENGTH);
    let mut faults = vec![Fault::Cut(1_000_000), Fault::Whole];
    faults.extend(vec![Fault::Cut(1_000_000); 2]);
    let storage = serving(&content, faults).await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    let ranges: Vec<_> = storage
        .requests()
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
        storage.requests()[3..]
            .iter()
            .all(|request| request.header("if-range").is_none())
    );
}

#[tokio::test]
async fn refusing_storage_is_reported() {
    let content = content(10);
    let storage = serving(&content, vec![status(403); 20]).await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    let error = download(&client, &image(&content), &folder)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::ContentRefused { status: 403, .. }),
        "{error}"
    );
    assert_eq!(storage.requests().len(), 4);
}

#[tokio::test]
async fn storage_with_untrusted_certificate_is_refused() {
    let content = content(10);
    let storage = serving(&content, vec![]).await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    let error = download(&client(&registry), &image(&content), &folder)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ContentUnreachable { .. }), "{error}");
    let host = format!("127.0.0.1:{}", storage.url().port().unwrap());
    assert!(error.to_string().contains(&host), "{error}");
    assert_eq!(storage.requests().len(), 0);
}
