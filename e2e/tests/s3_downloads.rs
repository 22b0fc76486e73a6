//! Downloads from a bucket: addresses that are signed for a time, and what clients show to those
//! who hand out the bytes.

use std::{thread::sleep, time::Duration};

use aar_testkit::{
    Fault, Fleet, Generated, Http, Package, S3Network, S3Server, SOON, RecordedRequest, TestAms, TestCa,
    TestPki, TestRegistry, sha256, until,
};

const SIZE: u64 = 12 << 20;
const IMAGE: &str = "/1.0/applications/game/amd64/versions/0/image";

fn create(ams: &TestAms, name: &str) {
    let folder = Package::new(name).noise("level.dat", SIZE, 1);
    let folder = folder.write_folder(&ams.base().join(name));
    ams.amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

/// A registry with more in its section `storage.s3` that has an image.
fn with_image(what: &str, more: &str) -> Option<(Fleet, Http)> {
    let bucket = S3Server::ceph(what)?.new_bucket();
    let section = bucket.section() + more;
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let fleet = Fleet::introduced_to(registry, &[]);
    create(&fleet.publisher, "game");
    fleet.publisher.amc(&["registry", "push", "game"]).done();
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    Some((fleet, http))
}

/// Where the registry sends whoever wants the image.
fn address(http: &Http) -> String {
    let answer = http.get(IMAGE);
    assert_eq!(answer.status, 307, "{}", answer.text());
    answer.headers["location"].clone()
}

fn digest(fleet: &Fleet) -> String {
    let game = fleet.registry.application("game").unwrap();
    let image = &game["variants"][0]["versions"][0]["image"];
    image["digest"].as_str().unwrap().to_owned()
}

fn on_server(server: &'static S3Server) {
    let registry = TestRegistry::start_s3(server.new_bucket());
    let fleet = Fleet::start_on(registry, &[]);
    create(&fleet.publisher, "game");
    fleet.client.wait_for("game", 0);
    let sent = sha256(&fleet.publisher.export("game", 0));
    assert_eq!(sha256(&fleet.client.export("game", 0)), sent);
    assert_eq!(digest(&fleet), sent);
    // Metadata went through the registry, and nothing like an image.
    let down = fleet.client_network.bytes(aar_testkit::Direction::Down);
    assert!(down < SIZE / 4, "{down} bytes came from the registry");
    assert!(fleet.registry.bucket().unwrap().uploads().is_empty());
    fleet.registry.aar(&["storage", "verify"]).done();
}

#[test]
fn an_image_travels_through_a_bucket_of_ceph() {
    if let Some(server) = S3Server::ceph("the main job on Ceph") {
        on_server(server);
    }
}

#[test]
fn an_image_travels_through_a_bucket_of_seaweed() {
    if let Some(server) = S3Server::seaweed("the main job on SeaweedFS") {
        on_server(server);
    }
}

#[test]
fn a_signed_address_is_good_for_one_image_and_its_ranges() {
    let Some((fleet, http)) = with_image("signed addresses", "") else {
        return;
    };
    let url = address(&http);
    let plain = Http::plain("");
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
fn a_signed_address_is_refused_when_its_time_is_over() {
    let Some((_fleet, http)) = with_image("late addresses", "    url-duration: 2s\n") else {
        return;
    };
    let url = address(&http);
    let plain = Http::plain("");
    assert_eq!(plain.get(&url).status, 200);
    sleep(Duration::from_secs(4));
    assert_eq!(plain.get(&url).status, 403);
    assert_eq!(plain.get(&address(&http)).status, 200);
}

#[test]
fn the_registry_itself_hands_out_what_it_is_told_not_to_redirect() {
    let Some((fleet, http)) = with_image("no redirects", "    redirect: false\n") else {
        return;
    };
    assert_eq!(http.download(IMAGE).hash().1, digest(&fleet));
    let whole = http.get(IMAGE).body;
    let part = http.send("GET", IMAGE, &[("range", "bytes=100-199")], Vec::new());
    assert_eq!((part.status, part.body.as_slice()), (206, &whole[100..200]));
    fleet.client.amc(&["registry", "pull", "game"]).done();
    fleet.client.wait_for("game", 0);
}

/// A fleet whose storage is reached over TLS, with a certificate by an issuer of its own.
fn over_tls(what: &str, clients_know: bool) -> Option<(Fleet, S3Network, TestCa)> {
    let server = S3Server::ceph(what)?;
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
    let known = if clients_know { &environment[..] } else { &[] };
    let fleet = Fleet::start_on(registry, known);
    create(&fleet.publisher, "game");
    Some((fleet, network, ca))
}

#[test]
fn storage_sees_no_certificate_and_no_header_of_ours() {
    let Some((fleet, network, _ca)) = over_tls("what storage sees", true) else {
        return;
    };
    fleet.client.wait_for("game", 0);
    let seen = network.requests();
    assert!(seen.iter().any(RecordedRequest::is_part), "nothing was sent that way");
    let downloads: Vec<_> = seen.iter().filter(|seen| seen.is_download()).collect();
    assert!(!downloads.is_empty(), "nothing was fetched that way");
    for seen in downloads {
        assert!(!seen.certificate, "a client certificate was shown");
        let plain = ["host", "accept", "user-agent", "range", "if-range"];
        let ours = seen
            .headers
            .keys()
            .filter(|name| !plain.contains(&&***name));
        assert_eq!(ours.count(), 0, "{:?}", seen.headers);
    }
}

#[test]
fn storage_with_a_certificate_by_nobody_known_is_not_believed() {
    let Some((fleet, network, _ca)) = over_tls("unknown issuers", false) else {
        return;
    };
    until("the image is pushed", SOON, || {
        fleet.registry.application("game").is_some()
    });
    let refused = fleet.client.amc(&["registry", "pull", "game"]).refused();
    let port = network.url().rsplit(':').next().unwrap().to_owned();
    assert!(refused.contains(&format!("localhost:{port}")), "{refused}");
    assert!(refused.contains("certificate"), "{refused}");
    assert!(fleet.client.names().is_empty());
    assert!(!network.requests().iter().any(RecordedRequest::is_download));
}

#[test]
fn a_machine_without_any_issuers_works_with_a_registry_that_serves() {
    let registry = TestRegistry::start_serving();
    let nowhere = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    let fleet = Fleet::start_on(registry, &nowhere);
    create(&fleet.publisher, "game");
    fleet.client.wait_for("game", 0);
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
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
    create(&fleet.publisher, "game");
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
    assert!(from > SIZE / 4, "it began again at {from}");
    assert!(downloads[1].headers.contains_key("if-range"));
    assert_ne!(downloads[0].query, "", "not by a signed address");
}

#[test]
fn an_address_that_expires_in_the_middle_costs_one_more_question() {
    let Some(server) = S3Server::ceph("addresses that expire") else {
        return;
    };
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let section = section + "    url-duration: 1s\n";
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let late = Fault::Delay(Duration::from_millis(2500));
    network.next(RecordedRequest::is_download, [Fault::CutResponse(SIZE / 2), late]);
    let fleet = Fleet::start_on(registry, &[]);
    create(&fleet.publisher, "game");
    fleet.client.wait_for("game", 0);
    let downloads: Vec<_> = network
        .requests()
        .into_iter()
        .filter(RecordedRequest::is_download)
        .collect();
    assert_eq!(downloads.len(), 3, "{downloads:?}");
    // The late one was refused; the next continues with an address of its own.
    assert_eq!(downloads[1].headers["range"], downloads[2].headers["range"]);
    assert_ne!(downloads[1].query, downloads[2].query);
    assert_eq!(sha256(&fleet.client.export("game", 0)), digest(&fleet));
}

#[test]
fn generated_content_is_what_a_bucket_hands_out() {
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
    let upload = content.begin_upload(&http, &digest);
    assert_eq!(content.send_to(&http, &upload), 204);
    let key = format!("blobs/sha256/{}/{digest}", &digest[..2]);
    let url = registry.bucket().unwrap().presigned(&key, SOON).to_string();
    assert_eq!(
        Http::plain("").download(&url).hash(),
        (content.size, digest)
    );
}
