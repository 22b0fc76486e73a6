//! Downloads through CloudFront: URLs are signed as its own tools sign them, altered ones are refused, and a
//! client pulls through a CDN that verifies them.

use std::{collections::BTreeSet, process::Command, time::Duration};

use aar_testkit::{
    CloudFront, Fault, Fleet, Folder, Package, RecordedRequest, S3Server, SigningKey, TestCa,
    TestPki, TestRegistry, python_environment, sha256,
};

const SIZE: u64 = 12 << 20;
const IMAGE: &str = "/1.0/applications/game/amd64/versions/0/image";
/// Prints the URL that botocore signs. Arguments: URL, expiry, key id, file of the private key.
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

/// The `cloudfront` section of the configuration file, with additional lines.
fn section(domain: &str, pem: &str, id: &str, config: &str) -> String {
    let lines: Vec<_> = pem.lines().map(|line| format!("        {line}")).collect();
    let pem = lines.join("\n");
    format!(
        "    cloudfront:\n      base-url: {domain}\n      keypair-id: {id}\n      private-key: |\n{pem}\n{config}"
    )
}

struct CdnFleet {
    fleet: Fleet,
    cdn: CloudFront,
    key: SigningKey,
    _ca: TestCa,
}

/// A fleet with a pushed image, behind a CDN that serves below a path.
fn cdn_fleet(
    test: &str,
    path: &str,
    pem: fn(&SigningKey) -> String,
    config: &str,
) -> Option<CdnFleet> {
    let bucket = S3Server::ceph(test)?.new_bucket();
    let (ca, key) = (TestCa::new(), SigningKey::new("K2JCJMDEHXQW5F"));
    let cdn = CloudFront::start(&bucket, path, &key, &ca);
    let config = bucket.section() + &section(&cdn.domain(), &pem(&key), key.id(), config);
    let mut registry = TestRegistry::prepare_s3(bucket, &config, "");
    registry.run();
    let roots = ca.certificate();
    let fleet = Fleet::start_manual_on(registry, &[("SSL_CERT_FILE", roots.to_str().unwrap())]);
    let package = Package::new("game").noise("level.dat", SIZE, 1);
    fleet.publisher.create(&package);
    fleet.publisher.amc(&["registry", "push", "game"]).success();
    Some(CdnFleet {
        fleet,
        cdn,
        key,
        _ca: ca,
    })
}

fn assert_pull_succeeds(cdn_fleet: &CdnFleet) {
    let fleet = &cdn_fleet.fleet;
    fleet.client.amc(&["registry", "pull", "game"]).success();
    let pushed = sha256(&fleet.publisher.export("game", 0));
    assert_eq!(sha256(&fleet.client.export("game", 0)), pushed);
}

/// The URL to which the registry redirects a client.
fn signed_url(fleet: &Fleet) -> String {
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let response = fleet.registry.http(Some(&pki.client)).get(IMAGE);
    assert_eq!(response.status, 307, "{}", response.text());
    response.headers["location"].clone()
}

fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(n, _)| *n == name).unwrap().1
}

#[test]
fn client_pulls_through_a_verifying_cdn() {
    for (path, pem) in [
        ("", SigningKey::pkcs1_pem as fn(&SigningKey) -> String),
        ("/images/of/mine", SigningKey::pkcs8_pem),
    ] {
        let Some(cdn_fleet) = cdn_fleet("pulls through CloudFront", path, pem, "") else {
            return;
        };
        assert_pull_succeeds(&cdn_fleet);
        let seen = cdn_fleet.cdn.requests();
        assert_eq!(seen.len(), 1);
        assert!(seen[0].path.starts_with(path), "{}", seen[0].path);
        assert!(!seen[0].certificate, "a client certificate was shown");
        let expected = ["host", "accept", "user-agent"];
        let mut names = seen[0].headers.keys();
        assert!(names.all(|name| expected.contains(&&**name)));
    }
}

#[test]
fn altered_or_expired_cloudfront_url_is_refused() {
    let config = "      duration: 3s\n";
    let Some(cdn_fleet) = cdn_fleet("refusals of CloudFront", "", SigningKey::pkcs8_pem, config)
    else {
        return;
    };
    let http = cdn_fleet.cdn.http();
    let url = signed_url(&cdn_fleet.fleet);
    let path = url
        .strip_prefix(&format!("https://{}", cdn_fleet.cdn.domain()))
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
        path.replace(cdn_fleet.key.id(), "KANOTHERKEY"),
        path.replace("/blobs/", "/BLOBS/"),
        path.split('?').next().unwrap().to_owned(),
    ] {
        assert_eq!(http.get(&altered).status, 403, "{altered}");
    }
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(http.get(path).status, 403, "the URL has expired");
}

#[test]
fn url_that_expires_during_a_download_is_renewed() {
    let config = "      duration: 2s\n";
    let Some(cdn_fleet) = cdn_fleet(
        "URLs that expire during a pull",
        "",
        SigningKey::pkcs8_pem,
        config,
    ) else {
        return;
    };
    let delay = Fault::Delay(Duration::from_secs(4));
    cdn_fleet.cdn.next(
        RecordedRequest::is_download,
        [Fault::CutResponse(SIZE / 2), delay],
    );
    assert_pull_succeeds(&cdn_fleet);
    let seen = cdn_fleet.cdn.requests();
    let urls: BTreeSet<_> = seen.iter().map(|request| &request.query).collect();
    assert!((2..=4).contains(&urls.len()), "{seen:?}");
}

#[test]
fn image_damaged_by_the_cdn_is_never_imported() {
    let Some(cdn_fleet) = cdn_fleet("damaged images", "", SigningKey::pkcs8_pem, "") else {
        return;
    };
    cdn_fleet
        .cdn
        .each(RecordedRequest::is_download, Fault::FlipResponse(SIZE / 2));
    let error = cdn_fleet
        .fleet
        .client
        .amc(&["registry", "pull", "game"])
        .failure();
    assert!(error.contains("digest"), "{error}");
    assert!(cdn_fleet.fleet.client.names().is_empty());
    assert_eq!(cdn_fleet.cdn.requests().len(), 2, "there is one retry");
    let files = cdn_fleet.fleet.client.files().into_iter();
    assert_eq!(files.filter(|(_, size)| *size > 1 << 20).count(), 0);
    cdn_fleet.cdn.heal();
    cdn_fleet
        .cdn
        .next(RecordedRequest::is_download, [Fault::FlipResponse(17)]);
    assert_pull_succeeds(&cdn_fleet);
}

#[test]
fn cloudfront_signature_matches_botocore() {
    let test = "comparison with botocore";
    let packages = ["botocore", "cryptography"];
    let Some(programs) = python_environment(test, "botocore", &packages) else {
        return;
    };
    let folder = Folder::new("botocore");
    let Some(cdn_fleet) = cdn_fleet(test, "/a/b", SigningKey::pkcs1_pem, "") else {
        return;
    };
    let url = signed_url(&cdn_fleet.fleet);
    let pem = folder.write("key.pem", cdn_fleet.key.pkcs1_pem());
    let expires = parameter(&url, "Expires");
    let signed = Command::new(programs.join("python"))
        .args(["-c", SCRIPT, url.split('?').next().unwrap(), expires])
        .args([cdn_fleet.key.id(), pem.to_str().unwrap()])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&signed.stderr);
    assert!(signed.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&signed.stdout).trim(), url);
}

#[test]
fn invalid_signing_key_prevents_the_start_and_is_not_shown() {
    let Some(server) = S3Server::ceph("invalid CloudFront sections") else {
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
    for (url, pem, id, setting) in cases {
        let bucket = server.new_bucket();
        let config = bucket.section() + &section(url, pem, id, "");
        let registry = TestRegistry::prepare_s3(bucket, &config, "");
        let error = registry.aar(&["serve"]).failure();
        assert!(error.contains(setting), "{setting:?} is not in: {error}");
        let secret = pem.lines().nth(1).unwrap_or(pem);
        assert!(!error.contains(secret), "{error}");
    }
    let bucket = server.new_bucket();
    let config = bucket.section() + &section("d1.cloudfront.net", &pem, "K1", "");
    let shown = TestRegistry::prepare_s3(bucket, &config, "").aar(&["check-config"]);
    let shown = shown.success();
    assert!(shown.contains("keypair-id: K1"), "{shown}");
    assert!(!shown.contains(pem.lines().nth(1).unwrap()), "{shown}");
}
