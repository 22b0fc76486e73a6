//! Certificates are trusted, removed and revoked, and each change applies at once.

use aar_testkit::{Direction, Fleet, Package, SOON, TestAms, TestPki, TestRegistry, until};

const IMAGE: &str = "/1.0/applications/big/amd64/versions/0/image";

/// A fleet whose registry has an image that is large enough to be cut in the middle.
fn fleet_with_image(size: u64) -> Fleet {
    let fleet = Fleet::start_manual_without_redirects();
    fleet.publisher.set(&[("registry.mode", "push")]);
    let package = Package::new("big").noise("level.dat", size, 1);
    fleet.publisher.create(&package);
    until("the image is pushed", SOON, || {
        fleet.registry.application("big").is_some()
    });
    fleet
}

#[test]
fn revocation_cuts_a_running_download() {
    let size = 96 << 20;
    let fleet = fleet_with_image(size);
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let mut download = http.download(IMAGE);
    let mut received = download.read().unwrap().unwrap() as u64;

    let revoke = ["trust", "revoke", "-y", &pki.client.fingerprint()];
    fleet.registry.aar(&revoke).success();
    let is_cut = loop {
        match download.read() {
            Ok(Some(n)) => received += n as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(is_cut, "the download continued to its end");
    assert!(received < size / 2, "{received} bytes were sent");
    let response = http.get(IMAGE);
    assert_eq!(
        (response.status, response.code().as_str()),
        (403, "certificate_revoked")
    );
}

#[test]
fn revocation_cuts_a_running_pull() {
    let size = 48 << 20;
    let fleet = fleet_with_image(size);
    fleet.client_network.throttle(8 << 20);
    fleet.client.set(&[("registry.mode", "pull")]);
    let received = || fleet.client_network.bytes(Direction::Down);
    until("the pull is in progress", SOON, || received() > 4 << 20);
    let revoke = ["trust", "revoke", "-y", &fleet.client.client_fingerprint()];
    fleet.registry.aar(&revoke).success();
    let status = fleet
        .client
        .wait_for_status("the refusal is reported", |s| {
            s.to_string().contains("revoked")
        });
    assert!(received() < size, "{status}");
    assert!(fleet.client.names().is_empty());
}

#[test]
fn removed_certificate_is_refused_at_once_and_can_be_added_again() {
    let registry = TestRegistry::start();
    let pki = TestPki::new();
    let http = registry.http(Some(&pki.removed));
    let list = || {
        let response = http.get("/1.0/applications");
        let code = if response.status == 200 {
            String::new()
        } else {
            response.code()
        };
        (response.status, code)
    };
    let fingerprint = pki.removed.fingerprint();
    assert_eq!(list(), (403, "certificate_unknown".to_owned()));
    for _ in 0..2 {
        registry.trust(pki.removed.certificate(), "client");
        assert_eq!(list().0, 200);
        registry
            .aar(&["trust", "remove", &fingerprint[..16]])
            .success();
        assert_eq!(list(), (403, "certificate_unknown".to_owned()));
    }
    let error = registry.aar(&["trust", "remove", &fingerprint]).failure();
    assert!(error.contains("error:"), "{error}");
}

#[test]
fn revoked_certificate_cannot_be_added_again() {
    let mut registry = TestRegistry::start();
    let pki = TestPki::new();
    registry.trust(pki.revoked.certificate(), "publisher");
    let fingerprint = pki.revoked.fingerprint();
    // Without a terminal the command cannot ask for confirmation.
    registry.aar(&["trust", "revoke", &fingerprint]).failure();
    registry
        .aar(&["trust", "revoke", "--yes", &fingerprint])
        .success();
    let pem = fs_err::read(pki.revoked.certificate()).unwrap();
    let error = registry.aar_with(&["trust", "add"], &pem).failure();
    assert!(error.contains("revoked"), "{error}");
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
    let response = registry.http(Some(&pki.revoked)).get("/1.0/applications");
    assert_eq!(
        (response.status, response.code().as_str()),
        (403, "certificate_revoked")
    );
    registry.aar_with(&["trust", "add"], &pem).failure();
}

#[test]
fn adding_a_trusted_certificate_again_succeeds_with_a_note() {
    let registry = TestRegistry::start();
    let pki = TestPki::new();
    let path = pki.client.certificate().to_str().unwrap();
    registry.aar(&["trust", "add", path]).success();
    let again = registry.aar(&["trust", "add", path]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    let listed = registry.aar(&["trust", "list", "--format", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn refused_caller_gets_the_reason_which_is_logged_and_audited() {
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
    for (persona, method, path, status, code) in cases {
        let response = registry.http(persona).send(method, path, &[], Vec::new());
        assert_eq!((response.status, response.code().as_str()), (status, code));
        let Some(persona) = persona else { continue };
        let fingerprint = persona.fingerprint();
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
fn ams_without_the_registry_certificate_in_its_trust_store_refuses_it() {
    let fleet = Fleet::start();
    let fingerprint = fleet.registry.fingerprint();
    fleet
        .client
        .amc(&["config", "trust", "remove", &fingerprint])
        .success();
    fleet.publisher.create(&Package::new("game"));
    until("the application is in the registry", SOON, || {
        fleet.registry.application("game").is_some()
    });
    let error = fleet.client.amc(&["registry", "list"]).failure();
    assert!(error.contains("trust"), "{error}");
    fleet
        .client
        .wait_for_status("the agent reports the problem", |status| {
            !status["problem"].as_str().unwrap_or_default().is_empty()
                || status["last_round"]["outcome"] == "failed"
        });
    assert!(fleet.client.names().is_empty());
    let path = fleet.registry.certificate();
    let add = ["config", "trust", "add", path.to_str().unwrap()];
    fleet.client.amc(&add).success();
    fleet.client.wait_for("game", 0);
    let error = fleet.client.amc(&add).failure();
    assert!(error.contains("already exists"), "{error}");
}

/// `openssl req -x509` with the key usages keyCertSign and cRLSign.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUQLjWK7YfcWgkf+OHa9KScnXhkVMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTIwMTA2MTkyM1oYDzIxMjYxMTA3
MDYxOTIzWjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASooSxVxfiD+mest+/WEpH00djrSdiRsQvTHxXUmVjcOqdD9SD14QER
09E7KpuAGJ5JCFrrkH77onipXAvfEVT7o2MwYTAdBgNVHQ4EFgQUus6//9kSRcnH
AQLcnrOLzT8tbaAwHwYDVR0jBBgwFoAUus6//9kSRcnHAQLcnrOLzT8tbaAwDwYD
VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDSAAwRQIg
AJFBWiNF6WXUaJcSBiMaxDOQJ/aM0lINWDP4fg8kF9ICIQDozPqT3ZJJouV1f7Ka
8DzwQfDzHPAMAjTmafpy43OK6Q==
-----END CERTIFICATE-----
";

/// `openssl req -x509` without extensions, which may sign others.
const SELF_SIGNED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUPLdnIRowcN5vbwFUfVj6fnQQdi0wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLc2VsZi1zaWduZWQwIBcNMjYxMjAxMDYxOTIzWhgPMjEyNjEx
MDcwNjE5MjNaMBYxFDASBgNVBAMMC3NlbGYtc2lnbmVkMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEqKEsVcX4g/pnrLfv1hKR9NHY60nYkbEL0x8V1JlY3DqnQ/Ug
9eEBEdPROyqbgBieSQha65B++6J4qVwL3xFU+6NTMFEwHQYDVR0OBBYEFLrOv//Z
EkXJxwEC3J6zi80/LW2gMB8GA1UdIwQYMBaAFLrOv//ZEkXJxwEC3J6zi80/LW2g
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAPrboyR0i6X5TAmA
LgYevVcQcHZXRKw6hmb1zjEu2+EqAiBQ4AFkti9FMs91xQoPTU2sMqtJ15+tlmwj
gu8TJDSPfw==
-----END CERTIFICATE-----
";

#[test]
fn authority_is_refused_and_self_signed_certificate_warns_in_both_programs() {
    let (registry, ams) = (TestRegistry::start(), TestAms::start());
    let add = ["config", "trust", "add", "-"];
    for refusal in [
        ams.amc_with(&add, AUTHORITY).failure(),
        registry
            .aar_with(&["trust", "add"], AUTHORITY.as_bytes())
            .failure(),
    ] {
        assert!(refusal.contains("is that of an authority"), "{refusal}");
        assert!(refusal.contains("add the certificate of each client"));
    }
    for output in [
        ams.amc_with(&add, SELF_SIGNED),
        registry.aar_with(&["trust", "add"], SELF_SIGNED.as_bytes()),
    ] {
        let warning = output.stderr.clone();
        output.success();
        assert!(warning.contains("only itself is trusted"), "{warning}");
    }
}
