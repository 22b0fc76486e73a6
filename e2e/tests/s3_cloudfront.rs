//! Downloads through CloudFront: signed as its own tools sign, refused when altered, and pulled by a
//! real client through an origin that checks.

use std::{path::Path, process::Command, time::Duration};

use aar_testkit::{
    CloudFront, Fault, Fleet, Folder, Package, S3Server, RecordedRequest, SigningKey, TestAms, TestCa,
    TestPki, TestRegistry, sha256, skip, tool,
};

const SIZE: u64 = 12 << 20;
const IMAGE: &str = "/1.0/applications/game/amd64/versions/0/image";
/// Prints what botocore signs: address, expiry, key id, file of the private key.
const SCRIPT: &str = r#"
import datetime, sys
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
url, expires, key_id, path = sys.argv[1:]
key = serialization.load_pem_private_key(open(path, "rb").read(), password=None)
sign = lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA1())
when = datetime.datetime.fromtimestamp(int(expires), datetime.timezone.utc)
print(CloudFrontSigner(key_id, sign).generate_presigned_url(url, date_less_than=when))
"#;

fn create(ams: &TestAms) {
    let folder = Package::new("game").noise("level.dat", SIZE, 1);
    let folder = folder.write_folder(&ams.base().join("game"));
    ams.amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

fn section(domain: &str, pem: &str, id: &str, more: &str) -> String {
    let lines: Vec<_> = pem.lines().map(|line| format!("        {line}")).collect();
    let pem = lines.join("\n");
    format!(
        "    cloudfront:\n      base-url: {domain}\n      keypair-id: {id}\n      private-key: |\n{pem}\n{more}"
    )
}

struct Scene {
    fleet: Fleet,
    cdn: CloudFront,
    key: SigningKey,
    _ca: TestCa,
}

/// A fleet behind a CDN that serves below a path.
fn scene(what: &str, path: &str, pem: fn(&SigningKey) -> String, more: &str) -> Option<Scene> {
    let bucket = S3Server::ceph(what)?.new_bucket();
    let (ca, key) = (TestCa::new(), SigningKey::new("K2JCJMDEHXQW5F"));
    let cdn = CloudFront::start(&bucket, path, &key, &ca);
    let config = bucket.section() + &section(&cdn.domain(), &pem(&key), key.id(), more);
    let mut registry = TestRegistry::prepare_s3(bucket, &config, "");
    registry.run();
    let roots = ca.certificate();
    let fleet = Fleet::introduced_to(registry, &[("SSL_CERT_FILE", roots.to_str().unwrap())]);
    create(&fleet.publisher);
    fleet.publisher.amc(&["registry", "push", "game"]).done();
    Some(Scene {
        fleet,
        cdn,
        key,
        _ca: ca,
    })
}

fn pulled(scene: &Scene) {
    scene.fleet.client.amc(&["registry", "pull", "game"]).done();
    let sent = sha256(&scene.fleet.publisher.export("game", 0));
    assert_eq!(sha256(&scene.fleet.client.export("game", 0)), sent);
}

/// The address that the registry gives a client.
fn address(fleet: &Fleet) -> String {
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let answer = fleet.registry.http(Some(&pki.client)).get(IMAGE);
    assert_eq!(answer.status, 307, "{}", answer.text());
    answer.headers["location"].clone()
}

fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(n, _)| *n == name).unwrap().1
}

#[test]
fn a_client_pulls_through_a_cdn_that_checks() {
    for (path, pem) in [
        ("", SigningKey::pkcs1_pem as fn(&SigningKey) -> String),
        ("/images/of/ours", SigningKey::pkcs8_pem),
    ] {
        let Some(scene) = scene("pulls through CloudFront", path, pem, "") else {
            return;
        };
        pulled(&scene);
        let seen = scene.cdn.requests();
        assert_eq!(seen.len(), 1);
        assert!(seen[0].path.starts_with(path), "{}", seen[0].path);
        assert!(!seen[0].certificate, "a client certificate was shown");
        let plain = ["host", "accept", "user-agent"];
        assert!(seen[0].headers.keys().all(|name| plain.contains(&&**name)));
    }
}

#[test]
fn an_altered_or_late_address_is_refused() {
    let more = "      duration: 3s\n";
    let Some(scene) = scene("refusals of CloudFront", "", SigningKey::pkcs8_pem, more) else {
        return;
    };
    let http = scene.cdn.http();
    let url = address(&scene.fleet);
    let path = url
        .strip_prefix(&format!("https://{}", scene.cdn.domain()))
        .unwrap();
    assert_eq!(http.get(path).status, 200);
    let part = http.send("GET", path, &[("range", "bytes=0-9")], Vec::new());
    assert_eq!((part.status, part.body.len()), (206, 10));
    let expires = parameter(&url, "Expires");
    let later = (expires.parse::<u64>().unwrap() + 1000).to_string();
    let signature = parameter(&url, "Signature");
    for altered in [
        path.replace(expires, &later),
        path.replace(signature, &signature.replace(['a', 'b', 'c'], "d")),
        path.replace(scene.key.id(), "KANOTHERKEY"),
        path.replace("/blobs/", "/BLOBS/"),
        path.split('?').next().unwrap().to_owned(),
    ] {
        assert_eq!(http.get(&altered).status, 403, "{altered}");
    }
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(http.get(path).status, 403, "it is late");
}

#[test]
fn an_address_that_expires_in_the_middle_is_asked_for_again() {
    let more = "      duration: 2s\n";
    let Some(scene) = scene("late pulls", "", SigningKey::pkcs8_pem, more) else {
        return;
    };
    let late = Fault::Delay(Duration::from_secs(4));
    scene
        .cdn
        .next(RecordedRequest::is_download, [Fault::CutResponse(SIZE / 2), late]);
    pulled(&scene);
    let seen = scene.cdn.requests();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].headers["range"], seen[2].headers["range"]);
    assert_ne!(seen[1].query, seen[2].query);
}

#[test]
fn damage_on_the_way_is_noticed_and_never_imported() {
    let Some(scene) = scene("damage on the way", "", SigningKey::pkcs8_pem, "") else {
        return;
    };
    scene.cdn.each(RecordedRequest::is_download, Fault::FlipResponse(SIZE / 2));
    let refused = scene
        .fleet
        .client
        .amc(&["registry", "pull", "game"])
        .refused();
    assert!(refused.contains("digest"), "{refused}");
    assert!(scene.fleet.client.names().is_empty());
    assert_eq!(scene.cdn.requests().len(), 2, "fetched once more, and no more");
    let left = scene.fleet.client.files().into_iter();
    assert_eq!(left.filter(|(_, size)| *size > 1 << 20).count(), 0);
    scene.cdn.heal();
    scene.cdn.next(RecordedRequest::is_download, [Fault::FlipResponse(17)]);
    pulled(&scene);
}

/// A Python with botocore; `None` where it cannot be had.
fn python(folder: &Folder) -> Option<std::path::PathBuf> {
    tool("python3")?;
    let venv = folder.join("venv");
    let run = |program: &Path, args: &[&str]| {
        let done = Command::new(program).args(args).output();
        done.is_ok_and(|done| done.status.success())
    };
    let python = venv.join("bin/python");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "botocore",
        "cryptography",
    ];
    let there = run(Path::new("python3"), &["-m", "venv", venv.to_str()?]);
    (there && run(&python, &install)).then_some(python)
}

#[test]
fn addresses_are_those_that_botocore_signs() {
    let what = "comparison with botocore";
    let folder = Folder::new("botocore");
    let Some(python) = python(&folder) else {
        return skip(what, "botocore cannot be installed");
    };
    let Some(scene) = scene(what, "/a/b", SigningKey::pkcs1_pem, "") else {
        return;
    };
    let url = address(&scene.fleet);
    let pem = folder.write("key.pem", scene.key.pkcs1_pem());
    let expires = parameter(&url, "Expires");
    let signed = Command::new(python)
        .args(["-c", SCRIPT, url.split('?').next().unwrap(), expires])
        .args([scene.key.id(), pem.to_str().unwrap()])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&signed.stderr);
    assert!(signed.status.success(), "{complaints}");
    assert_eq!(String::from_utf8_lossy(&signed.stdout).trim(), url);
}

#[test]
fn what_cannot_sign_stops_the_start_and_shows_no_secret() {
    let Some(server) = S3Server::ceph("bad CloudFront sections") else {
        return;
    };
    let key = SigningKey::new("K1");
    let pem = key.pkcs8_pem();
    let broken = pem.replacen('A', "!", 3);
    let cases = [
        ("http://d1.cloudfront.net", pem.as_str(), "K1", "base-url"),
        ("d1.cloudfront.net", &pem, "\"\"", "keypair-id"),
        ("d1.cloudfront.net", &broken, "K1", "private-key"),
        ("d1.cloudfront.net", "nonsense", "K1", "private-key"),
    ];
    for (url, pem, id, told) in cases {
        let bucket = server.new_bucket();
        let config = bucket.section() + &section(url, pem, id, "");
        let registry = TestRegistry::prepare_s3(bucket, &config, "");
        let refused = registry.aar(&["serve"]).refused();
        assert!(refused.contains(told), "{told:?} is not in: {refused}");
        let secret = pem.lines().nth(1).unwrap_or(pem);
        assert!(!refused.contains(secret), "{refused}");
    }
    let good = server.new_bucket();
    let config = good.section() + &section("d1.cloudfront.net", &pem, "K1", "");
    let shown = TestRegistry::prepare_s3(good, &config, "").aar(&["check-config"]);
    let shown = shown.done();
    assert!(shown.contains("keypair-id: K1"), "{shown}");
    assert!(!shown.contains(pem.lines().nth(1).unwrap()), "{shown}");
}
