//! A registry with the right certificate that lies: AMS reads no more than its limits, names the limit,
//! and recovers with the next good listing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aar_testkit::{CannedResponse, FakeRegistry, Package, SOON, TestAms, TestRegistry, until};

/// More than a listing of 4,000,000 values of a letter takes, and the response that is read.
const MAX_GROWTH: u64 = 400 << 20;

fn response(body: String) -> CannedResponse {
    CannedResponse {
        status: "200 OK",
        headers: "aar-registry-id: lying\r\naar-revision: 1\r\n".to_owned(),
        body,
        missing: 0,
    }
}

fn list(total: usize, applications: &[String]) -> String {
    format!(
        r#"{{"type":"sync","status":"Success","status_code":200,"total_size":{total},"metadata":[{}]}}"#,
        applications.join(",")
    )
}

fn application(name: &str, tags: &str) -> String {
    let digest = "0".repeat(64);
    let image = format!(r#"{{"fingerprint":"{digest}","digest":"{digest}","size":1}}"#);
    let version = format!(
        r#"{{"number":0,"published":true,"created_at":"2026-01-01T00:00:00Z","image":{image}}}"#
    );
    format!(
        r#"{{"name":"{name}","variants":[{{"architecture":"amd64","metadata":{{"tags":[{tags}]}},"versions":[{version}]}}]}}"#
    )
}

fn offset(path: &str) -> usize {
    let value = path
        .split(['?', '&'])
        .find_map(|it| it.strip_prefix("offset="));
    value.map_or(0, |value| value.parse().unwrap())
}

/// The requested page of this many applications, in pages of this size.
fn page(path: &str, total: usize, size: usize) -> CannedResponse {
    let first = offset(path);
    let names = (first..total.min(first + size)).map(|n| format!("app{n:06}"));
    let applications: Vec<_> = names.map(|name| application(&name, "")).collect();
    response(list(total, &applications))
}

/// Tags of one letter, in this many bytes.
fn tags(bytes: usize) -> CannedResponse {
    let tags = vec![r#""a""#; bytes / 4].join(",");
    response(list(1, &[application("game", &tags)]))
}

/// The requested page of 20 applications, each with as many tags of one letter as a list may have.
fn page_of_tags(path: &str) -> CannedResponse {
    let first = offset(path);
    let tags = vec![r#""a""#; 49_900].join(",");
    let names = (first..first + 20).map(|n| format!("app{n:06}"));
    let applications: Vec<_> = names.map(|name| application(&name, &tags)).collect();
    response(list(10_000, &applications))
}

fn change(revision: usize) -> String {
    format!(
        r#"{{"revision":{revision},"at":"2026-01-01T00:00:00Z","kind":"version-added","application":"game","architecture":"amd64"}}"#
    )
}

fn wait_for_error(ams: &TestAms, reason: &str) {
    ams.amc(&["registry", "pull"]).failure();
    ams.wait_for_status(reason, |status| {
        let error = status["last_round"]["error"].as_str().unwrap_or_default();
        error.contains(reason)
    });
}

#[test]
fn lying_registry_does_not_take_the_memory_of_ams_and_the_limit_is_named() {
    let (registry, mut ams) = (TestRegistry::start(), TestAms::start());
    let fake = FakeRegistry::in_place_of(&registry, response(String::new()));
    let before = ams.process().memory();
    fake.respond_with(tags(60 << 20));
    ams.connect_to(&registry, &format!("https://{}", fake.address()), "client");
    ams.set(&[("registry.mode", "pull")]);

    wait_for_error(&ams, "longer than 16777216 bytes");
    fake.respond_with(tags(15 << 20));
    wait_for_error(&ams, "a list of more than 50000 entries");
    fake.respond_by(|path| page(path, 100_000, 500));
    wait_for_error(&ams, "more than 25000 applications");
    fake.respond_by(|path| page(path, 20_000, 1));
    wait_for_error(&ams, "more than 500 pages");
    fake.respond_by(page_of_tags);
    wait_for_error(&ams, "more than 4000000 values on its pages");
    let growth = ams.process().peak_memory().saturating_sub(before);
    println!("{} MiB more", growth >> 20);
    assert!(growth < MAX_GROWTH, "{} MiB more", growth >> 20);

    fake.respond_with(response(list(0, &[])));
    ams.amc(&["registry", "pull"]).success();
    let status = ams.registry_status();
    assert_eq!(status["last_round"]["error"], "", "{status}");
}

#[test]
fn registry_that_announces_changes_without_end_is_asked_a_few_times_a_second() {
    let (registry, ams) = (TestRegistry::start(), TestAms::start());
    let fake = FakeRegistry::in_place_of(&registry, response(list(0, &[])));
    let (asked, revision) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(1));
    let count = Arc::clone(&asked);
    fake.respond_by(move |path| {
        let next = revision.fetch_add(1, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed);
        let headers = format!("aar-registry-id: lying\r\naar-revision: {next}\r\n");
        let body = if path.contains("/changes") {
            // Every second response has a change that is worth a round.
            let changes = if next % 2 == 0 { "" } else { &*change(next) };
            format!(
                r#"{{"type":"sync","status":"Success","status_code":200,"metadata":{{"registry_id":"lying","revision":{next},"changes":[{changes}]}}}}"#
            )
        } else {
            list(0, &[])
        };
        CannedResponse { headers, ..response(body) }
    });
    ams.connect_to(&registry, &format!("https://{}", fake.address()), "client");
    ams.set(&[("registry.mode", "pull")]);
    until("the feed is followed", SOON, || {
        asked.load(Ordering::Relaxed) > 12
    });
    let (before, seconds) = (asked.load(Ordering::Relaxed), 5);
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    let requests = asked.load(Ordering::Relaxed) - before;
    assert!(
        requests <= 4 * usize::try_from(seconds).unwrap() + 20,
        "{requests} requests in {seconds} s"
    );
    ams.amc(&["application", "list"]).success();
}

#[test]
fn registry_that_asks_for_an_endless_wait_is_left_at_once_for_another() {
    let (registry, ams) = (TestRegistry::start(), TestAms::start());
    let publisher = TestAms::start();
    publisher.connect_to(&registry, &registry.url(), "publisher");
    publisher.set(&[("registry.mode", "push")]);
    publisher.create(&Package::new("game"));
    let busy = CannedResponse {
        status: "503 Service Unavailable",
        headers: "retry-after: 1000000000000000000\r\n".to_owned(),
        ..response(String::new())
    };
    let fake = FakeRegistry::in_place_of(&registry, busy);
    ams.connect_to(&registry, &format!("https://{}", fake.address()), "client");
    ams.set(&[("registry.mode", "pull")]);
    ams.wait_for_status("the agent waits", |status| {
        status["next_round"].is_string() || !status["last_round"].is_null()
    });
    ams.set(&[("registry.url", &registry.url())]);
    ams.wait_for("game", 0);
}
