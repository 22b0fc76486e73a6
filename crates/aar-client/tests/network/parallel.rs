//! Downloads by several requests beside each other, from servers that send each response slowly.

use std::{
    env,
    os::unix::fs::MetadataExt,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    download::{download, downloaded},
    support::{
        ReceivedRequest, Server, TestFolder, TestResponse, client, client_of_two, content, image,
        images::{redirecting, redirecting_to},
        options, options_for,
    },
};
use aar_client::{ClientOptions, Error, RegistryClient, Timeouts};
use bytes::Bytes;

const LENGTH: usize = 12_000_000;
/// Of 10 kB: about 1 MB/s for each response.
const CHUNK_TIME: Duration = Duration::from_millis(9);

/// The bytes that a request asks for.
fn requested(request: &ReceivedRequest, length: usize) -> (usize, usize) {
    let range = request.header("range").unwrap_or("bytes=0-");
    let (start, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let end = last.parse().map_or(length, |last: usize| last + 1);
    (start.parse().unwrap(), end)
}

/// A server of slow responses, which a test may change; they are counted.
async fn slow(
    content: &[u8],
    change: impl Fn(usize, &ReceivedRequest, &mut TestResponse) + Send + Sync + 'static,
) -> Server {
    let content = Bytes::copy_from_slice(content);
    let count = AtomicUsize::new(0);
    Server::responding(move |request| {
        let (start, end) = requested(request, content.len());
        let status = if end - start < content.len() {
            206
        } else {
            200
        };
        let mut response = TestResponse {
            body: content.slice(start..end),
            chunk_time: CHUNK_TIME,
            ..TestResponse::status(status)
        };
        let range = format!("bytes {start}-{}/{}", end - 1, content.len());
        response = response.header("accept-ranges", "bytes");
        if status == 206 {
            response = response.header("content-range", range);
        }
        change(
            count.fetch_add(1, Ordering::Relaxed),
            request,
            &mut response,
        );
        response
    })
    .await
}

fn plain(_: usize, _: &ReceivedRequest, _: &mut TestResponse) {}

#[tokio::test]
async fn slow_responses_are_requested_beside_each_other() {
    let content = content(LENGTH);
    let server = slow(&content, plain).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    let connections: std::collections::HashSet<_> =
        server.requests().iter().map(|it| it.connection).collect();
    assert!(connections.len() >= 4, "{} connections", connections.len());
    let length = std::fs::metadata(folder.file()).unwrap().size();
    assert_eq!(length, LENGTH as u64);
}

#[tokio::test]
async fn small_image_is_requested_once() {
    let content = content(500_000);
    let server = slow(&content, plain).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn signed_url_is_requested_once_for_all_ranges_and_once_when_it_expires() {
    let content = content(LENGTH);
    // The first URL is refused from the sixth request on.
    let storage = slow(&content, |count, request, response| {
        if count >= 5 && request.query == "signature=1" {
            *response = TestResponse::status(403);
        }
    })
    .await;
    let registry = redirecting(&storage).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    assert!(storage.requests().len() > 6);
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn storage_without_ranges_sends_all_in_one_response() {
    let content = content(LENGTH / 2);
    let whole = Bytes::copy_from_slice(&content);
    let storage = slow(&content, move |_, _, response| {
        response.status = 200;
        response.body = whole.clone();
        response.headers.retain(|(name, _)| name == "accept-ranges");
    })
    .await;
    let registry = redirecting_to("127.0.0.1:0", format!("{}blob", storage.url())).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    let whole = storage
        .requests()
        .into_iter()
        .filter(|it| it.header("range").is_none());
    assert_eq!(whole.count(), 1, "the first response is read to its end");
}

#[tokio::test]
async fn stalled_range_is_requested_again_while_the_others_run() {
    let content = content(LENGTH);
    let stalled = Arc::new(Mutex::new(None));
    let server = slow(&content, {
        let stalled = Arc::clone(&stalled);
        move |count, request, response| {
            if count == 2 {
                *stalled.lock().unwrap() = Some(requested(request, LENGTH).0 + 100_000);
                response.stall_after = Some((100_000, Duration::from_mins(10)));
            }
        }
    })
    .await;
    let patient = RegistryClient::new(ClientOptions {
        timeouts: Timeouts {
            stall: Duration::from_mins(1),
            ..options(&server).timeouts
        },
        ..options(&server)
    });
    let folder = TestFolder::new();
    let (patient, image) = (patient.unwrap(), image(&content));
    let limit = Duration::from_secs(50);
    let result = tokio::time::timeout(limit, download(&patient, &image, &folder)).await;
    result.expect("the stalled range is waited for").unwrap();
    assert_eq!(downloaded(&folder), content);
    let at = stalled.lock().unwrap().expect("a range has stalled");
    let again = server
        .requests()
        .iter()
        .any(|it| requested(it, LENGTH).0 == at);
    assert!(again, "nothing was requested from {at} on");
}

#[tokio::test]
async fn wrong_bytes_in_one_range_discard_the_image_once() {
    let content = content(LENGTH / 2);
    let flip = |count: usize, _: &ReceivedRequest, response: &mut TestResponse| {
        if count == 2 {
            let mut wrong = response.body.to_vec();
            wrong[1000] ^= 1;
            response.body = wrong.into();
        }
    };
    let server = slow(&content, flip).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    let whole = server
        .requests()
        .into_iter()
        .filter(|it| it.header("range").is_none());
    assert_eq!(whole.count(), 2);
}

#[tokio::test]
async fn cut_ranges_are_continued() {
    let content = content(LENGTH);
    let cut = |count: usize, _: &ReceivedRequest, response: &mut TestResponse| {
        if count % 3 == 2 {
            response.cut_after = Some(300_000);
        }
    };
    let server = slow(&content, cut).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
}

#[tokio::test]
async fn refused_image_ends_all_streams() {
    let content = content(LENGTH);
    let server = slow(&content, |count, _, response| {
        if count >= 2 {
            *response = TestResponse::status(404);
        }
    })
    .await;
    let folder = TestFolder::new();
    let failed = download(&client(&server), &image(&content), &folder).await;
    let error = failed.unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 404, .. }),
        "{error}"
    );
    assert!(folder.partial().exists(), "received bytes are kept");
}

const CHILD: &str = "AAR_TEST_DOWNLOAD";
const KILLED: &str = "parallel::killed_program_continues_with_what_each_range_had";

/// Not a test of its own: the program that is killed.
async fn download_in_child(child: &str) {
    let [url, fingerprint, path] = child.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let options = options_for(url.parse().unwrap(), fingerprint.parse().unwrap());
    let client = RegistryClient::new(options).unwrap();
    let image = image(&content(3 * LENGTH));
    let transfer = aar_client::Transfer::default();
    let (name, architecture) = (crate::support::name(), crate::support::ARCHITECTURE);
    let number = crate::support::NUMBER;
    let _ = client
        .download(
            &name,
            architecture,
            number,
            &image,
            path.as_ref(),
            &transfer,
        )
        .await;
}

#[tokio::test]
async fn killed_program_continues_with_what_each_range_had() {
    if let Ok(child) = env::var(CHILD) {
        return download_in_child(&child).await;
    }
    let content = content(3 * LENGTH);
    let killed = Arc::new(AtomicBool::new(false));
    let server = slow(&content, {
        let killed = Arc::clone(&killed);
        move |_, _, response| {
            if killed.load(Ordering::Relaxed) {
                response.chunk_time = Duration::ZERO;
            } else {
                response.chunk_time = CHUNK_TIME * 4;
            }
        }
    })
    .await;
    let folder = TestFolder::new();
    let file = folder.file();
    let child = format!(
        "{} {} {}",
        server.url(),
        server.fingerprint(),
        file.display()
    );
    let program = env::current_exe().unwrap();
    let mut running = Command::new(program)
        .args(["--exact", KILLED])
        .env(CHILD, child)
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    // Ranges run beside each other, and each has received something for some time.
    while server.requests().len() < 5 && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    running.kill().unwrap();
    running.wait().unwrap();
    killed.store(true, Ordering::Relaxed);
    let before = server.requests().len();
    assert!(before >= 5 && folder.partial().exists() && !file.exists());
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    let continued = server.requests().split_off(before);
    let first = continued.first().unwrap();
    let (start, end) = requested(first, 3 * LENGTH);
    assert!(
        start > 0 && end < 3 * LENGTH,
        "the first gap is {start}-{end}"
    );
}
