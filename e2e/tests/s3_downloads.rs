//! Downloads from a bucket: presigned URLs, and what a client reveals to the storage.

use std::{collections::BTreeSet, thread::sleep, time::Duration};

use aar_testkit::{
    Fault, Fleet, Generated, Package, RecordedRequest, S3Network, S3Server, SOON, TestAms, TestCa,
    TestClient, TestPki, TestRegistry, sha256, until,
};

const SIZE: u64 = 12 << 20;
const IMAGE: &str = "/1.0/applications/game/amd64/versions/0/image";

fn create_game(ams: &TestAms) {
    ams.create(&Package::new("game").noise("level.dat", SIZE, 1));
}

/// A fleet with a pushed image, and a client of its registry. `config` is added to `storage.s3`.
fn fleet_with_image(test: &str, config: &str) -> Option<(Fleet, TestClient)> {
    let bucket = S3Server::ceph(test)?.new_bucket();
    let section = bucket.section() + config;
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let fleet = Fleet::start_manual_on(registry, &[]);
    create_game(&fleet.publisher);
    fleet.publisher.amc(&["registry", "push", "game"]).success();
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    Some((fleet, http))
}

/// The URL to which the registry redirects a download.
fn presigned_url(http: &TestClient) -> String {
    let response = http.get(IMAGE);
    assert_eq!(response.status, 307, "{}", response.text());
    response.headers["location"].clone()
}

fn digest(fleet: &Fleet) -> String {
    let game = fleet.registry.application("game").unwrap();
    let image = &game["variants"][0]["versions"][0]["image"];
    image["digest"].as_str().unwrap().to_owned()
}

fn assert_pushed_and_pulled_through(server: &'static S3Server) {
    let registry = TestRegistry::start_s3(server.new_bucket());
    let fleet = Fleet::start_on(registry, &[]);
    create_game(&fleet.publisher);
    fleet.client.wait_for("game", 0);
    let pushed = sha256(&fleet.publisher.export("game", 0));
    assert_eq!(sha256(&fleet.client.export("game", 0)), pushed);
    assert_eq!(digest(&fleet), pushed);
    // The registry sends metadata only; the image comes from the bucket.
    let down = fleet.client_network.bytes(aar_testkit::Direction::Down);
    assert!(down < SIZE / 4, "{down} bytes came from the registry");
    assert!(fleet.registry.bucket().unwrap().uploads().is_empty());
    fleet.registry.aar(&["storage", "verify"]).success();
}

#[test]
fn image_is_pushed_and_pulled_through_ceph() {
    if let Some(server) = S3Server::ceph("push and pull through Ceph") {
        assert_pushed_and_pulled_through(server);
    }
}

#[test]
fn image_is_pushed_and_pulled_through_seaweedfs() {
    if let Some(server) = S3Server::seaweed("push and pull through SeaweedFS") {
        assert_pushed_and_pulled_through(server);
    }
}

#[test]
fn presigned_url_allows_only_one_image_and_its_ranges() {
    let Some((fleet, http)) = fleet_with_image("presigned URLs", "") else {
        return;
    };
    let url = presigned_url(&http);
    let plain = TestClient::plain("");
    assert_eq!(plain.download(&url).hash().1, digest(&fleet));

    let whole = plain.get(&url).body;
    let part = plain.send("GET", &url, &[("range", "bytes=5-9")], Vec::new());
    assert_eq!((part.status, part.body.as_slice()), (206, &whole[5..10]));
    let tail = format!("bytes={}-", whole.len() - 3);
    let part = plain.send("GET", &url, &[("range", &tail)], Vec::new());
    assert_eq!(part.body, whole[whole.len() - 3..]);

    let other = url.replace("blobs/sha256/", "applications/");
    let later = url.replace("X-Amz-Expires=", "X-Amz-Expires=9");
    let mut signature = url.clone();
    let last = signature.pop().unwrap();
    signature.push(if last == '0' { '1' } else { '0' });
    for altered in [other, later, signature] {
        assert_eq!(plain.get(&altered).status, 403, "{altered}");
    }
    assert_eq!(plain.send("DELETE", &url, &[], Vec::new()).status, 403);
}

#[test]
fn presigned_url_is_refused_after_its_expiry() {
    let Some((_fleet, http)) = fleet_with_image("expired URLs", "    url-duration: 2s\n") else {
        return;
    };
    let url = presigned_url(&http);
    let plain = TestClient::plain("");
    assert_eq!(plain.get(&url).status, 200);
    sleep(Duration::from_secs(4));
    assert_eq!(plain.get(&url).status, 403);
    assert_eq!(plain.get(&presigned_url(&http)).status, 200);
}

#[test]
fn registry_without_redirects_serves_images_itself() {
    let Some((fleet, http)) = fleet_with_image("no redirects", "    redirect: false\n") else {
        return;
    };
    assert_eq!(http.download(IMAGE).hash().1, digest(&fleet));
    let whole = http.get(IMAGE).body;
    let part = http.send("GET", IMAGE, &[("range", "bytes=100-199")], Vec::new());
    assert_eq!((part.status, part.body.as_slice()), (206, &whole[100..200]));
    fleet.client.amc(&["registry", "pull", "game"]).success();
    fleet.client.wait_for("game", 0);
}

/// A fleet whose storage has a certificate of a private CA, which the AMS trust only on request.
fn fleet_over_tls(test: &str, is_trusted: bool) -> Option<(Fleet, S3Network, TestCa)> {
    let server = S3Server::ceph(test)?;
    let ca = TestCa::new();
    let network = S3Network::start_tls(server.address(), &ca);
    let roots = ca.certificate();
    let roots = roots.to_str().unwrap();
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let mut registry =
        TestRegistry::prepare_s3(bucket, &section, "").with_env("SSL_CERT_FILE", roots);
    registry.run();
    let environment = [("SSL_CERT_FILE", roots)];
    let trusted = if is_trusted { &environment[..] } else { &[] };
    let fleet = Fleet::start_on(registry, trusted);
    create_game(&fleet.publisher);
    Some((fleet, network, ca))
}

#[test]
fn storage_receives_no_client_certificate_and_no_aar_header() {
    let Some((fleet, network, _ca)) = fleet_over_tls("requests that the storage sees", true) else {
        return;
    };
    fleet.client.wait_for("game", 0);
    let seen = network.requests();
    assert!(
        seen.iter().any(RecordedRequest::is_part),
        "no part was sent through the network"
    );
    let downloads: Vec<_> = seen.iter().filter(|seen| seen.is_download()).collect();
    assert!(
        !downloads.is_empty(),
        "nothing was downloaded through the network"
    );
    for seen in downloads {
        assert!(!seen.certificate, "a client certificate was shown");
        let expected = ["host", "accept", "user-agent", "range", "if-range"];
        let others = seen
            .headers
            .keys()
            .filter(|name| !expected.contains(&&***name));
        assert_eq!(others.count(), 0, "{:?}", seen.headers);
    }
}

#[test]
fn storage_certificate_of_an_unknown_issuer_is_refused() {
    let Some((fleet, network, _ca)) = fleet_over_tls("unknown issuers", false) else {
        return;
    };
    until("the image is pushed", SOON, || {
        fleet.registry.application("game").is_some()
    });
    let error = fleet.client.amc(&["registry", "pull", "game"]).failure();
    let port = network.url().rsplit(':').next().unwrap().to_owned();
    assert!(error.contains(&format!("localhost:{port}")), "{error}");
    assert!(error.contains("certificate"), "{error}");
    assert!(fleet.client.names().is_empty());
    assert!(!network.requests().iter().any(RecordedRequest::is_download));
}

#[test]
fn ams_without_ca_certificates_works_without_redirects() {
    let registry = TestRegistry::start_without_redirects();
    let without_ca_certificates = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    let fleet = Fleet::start_on(registry, &without_ca_certificates);
    create_game(&fleet.publisher);
    fleet.client.wait_for("game", 0);
}

#[test]
fn cut_download_resumes_at_its_position() {
    let Some(server) = S3Server::ceph("cut downloads") else {
        return;
    };
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    network.next(RecordedRequest::is_download, [Fault::CutResponse(SIZE / 2)]);
    let fleet = Fleet::start_on(registry, &[]);
    create_game(&fleet.publisher);
    fleet.client.wait_for("game", 0);
    let downloads: Vec<_> = network
        .requests()
        .into_iter()
        .filter(RecordedRequest::is_download)
        .collect();
    assert_eq!(downloads.len(), 2);
    let range = downloads[1].headers["range"]
        .strip_prefix("bytes=")
        .unwrap();
    let from: u64 = range.trim_end_matches('-').parse().unwrap();
    assert!(from > SIZE / 4, "the download restarted at {from}");
    assert!(downloads[1].headers.contains_key("if-range"));
    assert_ne!(downloads[0].query, "", "the URL is not presigned");
}

#[test]
fn url_that_expires_during_a_download_is_requested_again() {
    let Some(server) = S3Server::ceph("URLs that expire during a download") else {
        return;
    };
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let section = section + "    url-duration: 1s\n";
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let delay = Fault::Delay(Duration::from_millis(2500));
    network.next(
        RecordedRequest::is_download,
        [Fault::CutResponse(SIZE / 2), delay],
    );
    let fleet = Fleet::start_on(registry, &[]);
    create_game(&fleet.publisher);
    fleet.client.wait_for("game", 0);
    let downloads: Vec<_> = network
        .requests()
        .into_iter()
        .filter(RecordedRequest::is_download)
        .collect();
    // The first range of the delayed request was refused, and is requested again with a new URL.
    let urls: BTreeSet<_> = downloads.iter().map(|request| &request.query).collect();
    assert!((2..=4).contains(&urls.len()), "{downloads:?}");
    assert_eq!(sha256(&fleet.client.export("game", 0)), digest(&fleet));
}

#[test]
fn bucket_returns_the_uploaded_content() {
    let Some(server) = S3Server::ceph("generated content") else {
        return;
    };
    let registry = TestRegistry::start_s3(server.new_bucket());
    let pki = TestPki::new();
    registry.trust(pki.publisher.certificate(), "publisher");
    let http = registry.http(Some(&pki.publisher));
    let content = Generated {
        size: 9 << 20,
        seed: 3,
    };
    let digest = content.digest();
    let upload = content.start_upload(&http, &digest);
    assert_eq!(content.send_to(&http, &upload), 204);
    let key = format!("blobs/sha256/{}/{digest}", &digest[..2]);
    let url = registry.bucket().unwrap().presigned(&key, SOON).to_string();
    assert_eq!(
        TestClient::plain("").download(&url).hash(),
        (content.size, digest)
    );
}
