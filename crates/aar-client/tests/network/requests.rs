//! Listing, the change feed, publishing, and refusals.

use std::{sync::Mutex, time::Duration};

use crate::support::{
    ARCHITECTURE, NUMBER, ReceivedRequest, Server, TestResponse, client, image, name, options,
};
use aar_client::{ChangesResponse, ClientOptions, Error, ListFilter, PutOutcome, RegistryClient};
use aar_types::{ManualClock, Revision, VersionPut};

fn application(name: &str) -> String {
    let version = r#"{"number":0,"published":true,"created_at":"2026-01-01T00:00:00Z","image":{"fingerprint":"FP","digest":"FP","size":1}}"#
        .replace("FP", &"0".repeat(64));
    format!(r#"{{"name":"{name}","variants":[{{"architecture":"amd64","versions":[{version}]}}]}}"#)
}

fn page(names: &[String], total: usize, revision: u64) -> TestResponse {
    let entries: Vec<_> = names.iter().map(|name| application(name)).collect();
    let body = format!(
        r#"{{"type":"sync","status":"Success","status_code":200,"total_size":{total},"metadata":[{}]}}"#,
        entries.join(",")
    );
    TestResponse::json(200, &body)
        .header("aar-registry-id", "registry")
        .header("aar-revision", revision)
        .header("etag", format!("\"registry-{revision}\""))
}

fn number(request: &ReceivedRequest, key: &str) -> usize {
    let mut pairs = request
        .query
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs.find(|pair| pair.0 == key).unwrap().1.parse().unwrap()
}

/// The response of a registry with `size` applications.
fn catalogue(size: usize, request: &ReceivedRequest, revision: u64) -> TestResponse {
    let names: Vec<_> = (0..size).map(|n| format!("app{n:05}")).collect();
    let begin = number(request, "offset").min(size);
    let end = (begin + number(request, "limit").min(1000)).min(size);
    page(&names[begin..end], size, revision)
}

async fn listing_error(
    answer: impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync + 'static,
) -> Error {
    let server = Server::responding(answer).await;
    client(&server)
        .list(&ListFilter::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn listing_has_all_pages_of_one_revision() {
    for size in [0, 1, 500, 501, 1234] {
        let server = Server::responding(move |request| catalogue(size, request, 7)).await;
        let filter = ListFilter {
            architecture: Some(ARCHITECTURE),
            tags: vec!["a".to_owned(), "b".to_owned()],
        };
        let listing = client(&server).list(&filter).await.unwrap();
        assert_eq!(listing.applications.len(), size);
        assert_eq!(listing.revision, Revision(7));
        assert_eq!(listing.etag.as_deref(), Some("\"registry-7\""));
        let query = server.requests()[0].query.clone();
        assert!(query.contains("architecture=amd64&tags=a%2Cb"), "{query}");
    }
}

#[tokio::test]
async fn catalogue_that_changes_between_pages_is_read_again() {
    let revision = Mutex::new(0);
    let server = Server::responding(move |request| {
        let mut revision = revision.lock().unwrap();
        *revision = (*revision + 1).min(5);
        catalogue(700, request, *revision)
    })
    .await;
    let listing = client(&server).list(&ListFilter::default()).await.unwrap();
    assert_eq!(
        (listing.applications.len(), listing.revision),
        (700, Revision(5))
    );

    let revision = Mutex::new(0);
    let error = listing_error(move |request| {
        let mut revision = revision.lock().unwrap();
        *revision += 1;
        catalogue(700, request, *revision)
    })
    .await;
    assert!(matches!(error, Error::IncompleteListing { .. }), "{error}");
}

#[tokio::test]
async fn unchanged_listing_takes_one_conditional_request() {
    let server = Server::responding(|request| match request.header("if-none-match") {
        Some("\"registry-7\"") => TestResponse::status(304),
        _ => catalogue(3, request, 7),
    })
    .await;
    let client = client(&server);
    let all = ListFilter::default();
    let first = client.list(&all).await.unwrap();
    let second = client.list_if_changed(&all, first.etag.as_deref());
    assert_eq!(second.await.unwrap(), None);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn incomplete_listing_is_an_error() {
    let names = |range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|n| format!("app{n}")).collect()
    };
    let fewer = names(0..2);
    let error = listing_error(move |request| match number(request, "offset") {
        0 => page(&fewer, 3, 1),
        _ => page(&[], 3, 1),
    })
    .await;
    assert!(matches!(error, Error::IncompleteListing { .. }), "{error}");

    let twice = [names(0..2), names(1..2)].concat();
    let error = listing_error(move |_| page(&twice, 3, 1)).await;
    assert!(matches!(error, Error::IncompleteListing { .. }), "{error}");

    let more = names(0..4);
    let error = listing_error(move |_| page(&more, 3, 1)).await;
    assert!(matches!(error, Error::IncompleteListing { .. }), "{error}");
}

#[tokio::test]
async fn malformed_response_is_never_an_empty_listing() {
    let bodies = [
        "",
        "null",
        "{}",
        "[]",
        "<html>hello</html>",
        r#"{"type":"sync","status":"","status_code":200,"metadata":[]}"#,
        r#"{"type":"async","status":"","status_code":100,"total_size":0,"metadata":[]}"#,
        r#"{"type":"sync","status":"","status_code":200,"total_size":1,"metadata":["/1.0/applications/a"]}"#,
        r#"{"type":"sync","status":"","status_code":200,"total_size":1,"metadata":[{"name":"a","variants":[]}]}"#,
        r#"{"type":"sync","status":"","status_code":200,"total_size":1,"metadata":[{"name":"a","variants":[{"architecture":"amd64","versions":[]}]}]}"#,
        r#"{"type":"sync","status":"","status_code":200,"total_size":1,"metadata":[{"name":"../a","variants":[]}]}"#,
    ];
    for body in bodies {
        let error = listing_error(move |_| TestResponse {
            body: body.into(),
            ..page(&[], 0, 1)
        })
        .await;
        assert!(matches!(error, Error::Malformed { .. }), "{body}: {error}");
    }
    for missing in ["aar-registry-id", "aar-revision"] {
        let error = listing_error(move |_| {
            let mut response = page(&[], 0, 1);
            response.headers.retain(|(name, _)| name != missing);
            response
        })
        .await;
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[tokio::test]
async fn transient_errors_are_retried() {
    let answers = Mutex::new(vec![TestResponse::status(503), TestResponse::status(502)]);
    let server = Server::responding(move |request| {
        let failure = answers.lock().unwrap().pop();
        failure.unwrap_or_else(|| catalogue(2, request, 1))
    })
    .await;
    let listing = client(&server).list(&ListFilter::default()).await.unwrap();
    assert_eq!(listing.applications.len(), 2);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn change_feed_returns_changes_or_compacted() {
    let server = Server::responding(|request| match number(request, "since") {
        1 => TestResponse::refusal(410, "changes_compacted"),
        _ => TestResponse::json(
            200,
            r#"{"type":"sync","status":"","status_code":200,"metadata":{"registry_id":"registry","revision":9,"changes":[]}}"#,
        ),
    })
    .await;
    let client = client(&server);
    let wait = Duration::from_mins(1);
    let answer = client.changes(Revision(1), wait).await.unwrap();
    assert_eq!(answer, ChangesResponse::Compacted);
    let answer = client.changes(Revision(8), wait).await.unwrap();
    let ChangesResponse::Changes(changes) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(changes.revision, Revision(9));
    assert_eq!(number(&server.requests()[1], "wait"), 60);
}

#[tokio::test]
async fn publishing_returns_the_outcome() {
    let server = Server::responding(|request| {
        let status = match request.method.as_str() {
            "PUT" if request.path.ends_with("/3") => 201,
            "DELETE" => return TestResponse::refusal(404, "version_not_found"),
            _ => 200,
        };
        TestResponse::json(status, "{}")
    })
    .await;
    let client = client(&server);
    let put = VersionPut {
        application: aar_types::ApplicationMetadata::default(),
        manifest: aar_types::VersionManifest::default(),
        image: image(b"x"),
        published: true,
    };
    let name = name();
    let done = client
        .put_version(&name, ARCHITECTURE, NUMBER, &put)
        .await
        .unwrap();
    assert_eq!(done, PutOutcome::Created);
    let four = aar_types::VersionNumber(4);
    let done = client
        .put_version(&name, ARCHITECTURE, four, &put)
        .await
        .unwrap();
    assert_eq!(done, PutOutcome::Unchanged);
    client
        .set_published(&name, ARCHITECTURE, NUMBER, false)
        .await
        .unwrap();
    client
        .put_application(&name, ARCHITECTURE, &put.application)
        .await
        .unwrap();
    assert!(
        !client
            .delete_version(&name, ARCHITECTURE, NUMBER)
            .await
            .unwrap()
    );
    let requests: Vec<_> = server
        .requests()
        .iter()
        .map(|s| format!("{} {}", s.method, s.path))
        .collect();
    assert_eq!(
        requests,
        [
            "PUT /1.0/applications/app/amd64/versions/3",
            "PUT /1.0/applications/app/amd64/versions/4",
            "PATCH /1.0/applications/app/amd64/versions/3",
            "PUT /1.0/applications/app/amd64",
            "DELETE /1.0/applications/app/amd64/versions/3",
        ]
    );
}

#[tokio::test]
async fn refusal_says_what_to_do() {
    let table = [
        (401, "certificate_required", "show the client certificate"),
        (403, "certificate_unknown", "aar trust add"),
        (403, "certificate_revoked", "make a new client certificate"),
        (403, "certificate_expired", "new client certificate"),
        (403, "certificate_not_yet_valid", "compare the clocks"),
        (403, "role_insufficient", "--publisher"),
    ];
    for (status, code, advice) in table {
        let error = listing_error(move |_| TestResponse::refusal(status, code))
            .await
            .to_string();
        assert!(error.contains(&format!("{status} {code}")), "{error}");
        assert!(error.contains(advice), "{error}");
    }
}

#[tokio::test]
async fn clock_skew_is_reported_with_a_refused_certificate() {
    let server = Server::responding(|_| {
        TestResponse::refusal(403, "certificate_not_yet_valid")
            .header("date", "Thu, 01 Jan 2026 12:00:00 GMT")
    })
    .await;
    let client = RegistryClient::new(ClientOptions {
        clock: ManualClock::new("2026-01-01T13:00:00Z".parse().unwrap()).into(),
        ..options(&server)
    })
    .unwrap();
    let error = client
        .list(&ListFilter::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("1h behind"), "{error}");
    assert_eq!(client.clock_skew().unwrap().as_hours(), -1);
}

#[tokio::test]
async fn other_certificate_is_refused_with_both_fingerprints() {
    let server = Server::responding(|request| catalogue(1, request, 1)).await;
    let expected = crate::support::identity("other")
        .certificate()
        .fingerprint();
    let client = RegistryClient::new(ClientOptions {
        fingerprint: expected,
        ..options(&server)
    })
    .unwrap();
    let error = client.info().await.unwrap_err();
    assert!(matches!(error, Error::PinMismatch { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&expected.to_string()), "{text}");
    assert!(text.contains(&server.fingerprint().to_string()), "{text}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn unreachable_registry_is_reported_with_its_address() {
    let server = Server::responding(|_| TestResponse::status(200)).await;
    let client = client(&server);
    let url = server.url().to_string();
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = client.info().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn registry_without_response_times_out() {
    let server = Server::start(std::sync::Arc::new(|_, _, _| {
        Box::pin(std::future::pending())
    }))
    .await;
    let mut options = options(&server);
    options.timeouts.response = Duration::from_millis(50);
    let client = RegistryClient::new(options).unwrap();
    let error = client.info().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[test]
fn address_without_tls_is_refused() {
    let identity = crate::support::identity("client");
    let fingerprint = identity.certificate().fingerprint();
    let url = "http://registry:3000".parse().unwrap();
    let error = RegistryClient::new(ClientOptions::new(url, fingerprint, identity)).unwrap_err();
    assert!(error.to_string().contains("https://HOST:PORT"), "{error}");
}
