//! Who is trusted, and how fast that changes.

use aar_testkit::{Direction, Fleet, Package, SOON, TestPki, TestRegistry, until};

const IMAGE: &str = "/1.0/applications/big/amd64/versions/0/image";

/// A registry with an image that takes a while.
fn with_big_image(size: u64) -> Fleet {
    let fleet = Fleet::served();
    fleet.publisher.set(&[("registry.mode", "push")]);
    let folder = fleet.publisher.base().join("big");
    Package::new("big")
        .noise("level.dat", size, 1)
        .write_folder(&folder);
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    until("the image is pushed", SOON, || {
        fleet.registry.application("big").is_some()
    });
    fleet
}

#[test]
fn revoking_cuts_a_download_in_the_middle() {
    let size = 96 << 20;
    let fleet = with_big_image(size);
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let mut download = http.download(IMAGE);
    let mut got = download.read().unwrap().unwrap() as u64;

    let revoke = ["trust", "revoke", "-y", &pki.client.fingerprint()];
    fleet.registry.aar(&revoke).done();
    let cut = loop {
        match download.read() {
            Ok(Some(n)) => got += n as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(cut, "the download went on to its end");
    assert!(got < size / 2, "{got} bytes went out");
    let refused = http.get(IMAGE);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "certificate_revoked")
    );
}

#[test]
fn revoking_cuts_an_ams_in_the_middle_of_a_pull() {
    let size = 48 << 20;
    let fleet = with_big_image(size);
    fleet.client_network.throttle(8 << 20);
    fleet.client.set(&[("registry.mode", "pull")]);
    let fetched = || fleet.client_network.bytes(Direction::Down);
    until("the pull is under way", SOON, || fetched() > 4 << 20);
    let revoke = ["trust", "revoke", "-y", &fleet.client.client_fingerprint()];
    fleet.registry.aar(&revoke).done();
    let status = fleet
        .client
        .wait_for_status("the refusal is reported", |s| {
            s.to_string().contains("revoked")
        });
    assert!(fetched() < size, "{status}");
    assert!(fleet.client.names().is_empty());
}

#[test]
fn a_removed_certificate_is_refused_at_once_and_can_be_added_again() {
    let registry = TestRegistry::start();
    let pki = TestPki::new();
    let http = registry.http(Some(&pki.removed));
    let list = || {
        let answer = http.get("/1.0/applications");
        let code = if answer.status == 200 {
            String::new()
        } else {
            answer.code()
        };
        (answer.status, code)
    };
    let fingerprint = pki.removed.fingerprint();
    assert_eq!(list(), (403, "certificate_unknown".to_owned()));
    for _ in 0..2 {
        registry.trust(pki.removed.certificate(), "client");
        assert_eq!(list().0, 200);
        registry
            .aar(&["trust", "remove", &fingerprint[..16]])
            .done();
        assert_eq!(list(), (403, "certificate_unknown".to_owned()));
    }
    let refused = registry.aar(&["trust", "remove", &fingerprint]).refused();
    assert!(refused.contains("error:"), "{refused}");
}

#[test]
fn a_revoked_certificate_never_comes_back() {
    let mut registry = TestRegistry::start();
    let pki = TestPki::new();
    registry.trust(pki.revoked.certificate(), "publisher");
    let fingerprint = pki.revoked.fingerprint();
    // Without a terminal there is nobody to ask.
    registry.aar(&["trust", "revoke", &fingerprint]).refused();
    registry
        .aar(&["trust", "revoke", "--yes", &fingerprint])
        .done();
    let pem = fs_err::read(pki.revoked.certificate()).unwrap();
    let refused = registry.aar_with(&["trust", "add"], &pem).refused();
    assert!(refused.contains("revoked"), "{refused}");
    let shown = registry
        .aar(&["trust", "list", "--revoked", "--format", "json"])
        .json();
    assert_eq!(shown[0]["Fingerprint"], fingerprint);
    assert!(
        registry
            .aar(&["trust", "list", "--format", "json"])
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );

    registry.stop();
    registry.run();
    let answer = registry.http(Some(&pki.revoked)).get("/1.0/applications");
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "certificate_revoked")
    );
    assert!(registry.aar_with(&["trust", "add"], &pem).code == 1);
}

#[test]
fn adding_a_certificate_again_succeeds_and_says_so() {
    let registry = TestRegistry::start();
    let pki = TestPki::new();
    let path = pki.client.certificate().to_str().unwrap();
    registry.aar(&["trust", "add", path]).done();
    let again = registry.aar(&["trust", "add", path]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    let listed = registry.aar(&["trust", "list", "--format", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn callers_are_told_why_they_are_refused_and_it_is_put_on_record() {
    let registry = TestRegistry::start();
    let pki = TestPki::new();
    for trusted in [&pki.expired, &pki.early, &pki.client] {
        registry.trust(trusted.certificate(), "client");
    }
    let cases = [
        (
            None,
            "GET",
            "/1.0/applications",
            401,
            "certificate_required",
        ),
        (
            Some(&pki.unknown),
            "GET",
            "/1.0/applications",
            403,
            "certificate_unknown",
        ),
        (
            Some(&pki.expired),
            "GET",
            "/1.0/applications",
            403,
            "certificate_expired",
        ),
        (
            Some(&pki.early),
            "GET",
            "/1.0/applications",
            403,
            "certificate_not_yet_valid",
        ),
        (
            Some(&pki.client),
            "DELETE",
            "/1.0/applications/x",
            403,
            "role_insufficient",
        ),
    ];
    for (who, method, path, status, code) in cases {
        let answer = registry.http(who).send(method, path, &[], Vec::new());
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        let Some(who) = who else { continue };
        let fingerprint = who.fingerprint();
        until("the refusal is logged", SOON, || {
            let log = registry.log();
            let mut lines = log.lines();
            lines.any(|line| line.contains(&fingerprint) && line.contains(code))
        });
        until("the refusal is in the audit log", SOON, || {
            let audit = registry.aar(&["audit", "--format", "json"]).json();
            audit.to_string().contains(&fingerprint)
        });
    }
    assert_eq!(registry.http(None).get("/1.0/status").status, 200);
    assert_eq!(
        registry.http(Some(&pki.unknown)).get("/1.0").json()["metadata"]["auth"],
        "untrusted"
    );
}

#[test]
fn ams_needs_the_certificate_of_the_registry_in_its_trust_store() {
    let fleet = Fleet::start();
    let folder = Package::new("game").write_folder(&fleet.publisher.base().join("game"));
    let fingerprint = fleet.registry.fingerprint();
    fleet
        .client
        .amc(&["config", "trust", "remove", &fingerprint])
        .done();
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    until("it is in the registry", SOON, || {
        fleet.registry.application("game").is_some()
    });
    let refused = fleet.client.amc(&["registry", "list"]).refused();
    assert!(refused.contains("trust"), "{refused}");
    fleet.client.wait_for_status("the agent says so, too", |s| {
        !s["problem"].as_str().unwrap_or_default().is_empty()
            || s["last_round"]["outcome"] == "failed"
    });
    assert!(fleet.client.names().is_empty());
    let path = fleet.registry.certificate();
    let add = ["config", "trust", "add", path.to_str().unwrap()];
    fleet.client.amc(&add).done();
    fleet.client.wait_for("game", 0);
    let twice = fleet.client.amc(&add).refused();
    assert!(twice.contains("already exists"), "{twice}");
}
