//! Which servers a client accepts, and what it says of the others.

use std::net::SocketAddr;

use crate::support::{identity, listen, valid};
use aar_tls::{
    HttpOptions, Identity, Limits, PinMismatch, ProxySettings, ServerTrust, TlsListener,
    http_client, observe_certificate,
};
use aar_types::{Clock, ManualClock};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers every connection with one empty answer.
async fn serve(server: &Identity) -> SocketAddr {
    let mut listener = listen(server, Limits::default()).await;
    let address = listener.local_addr();
    tokio::spawn(async move {
        loop {
            answer(&mut listener).await;
        }
    });
    address
}

async fn answer(listener: &mut TlsListener) {
    let (mut stream, _) = listener.accept().await;
    tokio::spawn(async move {
        let _request = stream.read(&mut [0; 4096]).await;
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        let _sent = stream.write_all(answer).await;
        let _closed = stream.shutdown().await;
    });
}

async fn get(server: SocketAddr, options: HttpOptions) -> Result<u16, reqwest::Error> {
    let client = http_client(options).unwrap();
    let answer = client.get(format!("https://{server}/")).send().await?;
    Ok(answer.status().as_u16())
}

fn pinned(certificates: &[&Identity]) -> HttpOptions {
    let prints = certificates.iter().map(|i| i.certificate().fingerprint());
    HttpOptions::new(ServerTrust::Pinned(prints.collect()), "test/1")
}

#[tokio::test]
async fn the_pinned_certificate_is_accepted_whatever_its_names() {
    let server = Identity::generate(&aar_tls::NewIdentity {
        common_name: "elsewhere".to_owned(),
        hosts: vec!["elsewhere.example".to_owned()],
        not_before: "2000-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2099-01-01T00:00:00Z".parse().unwrap(),
    })
    .unwrap();
    let address = serve(&server).await;
    let next = identity("the next one, during a rotation");
    assert_eq!(get(address, pinned(&[&server])).await.unwrap(), 204);
    assert_eq!(get(address, pinned(&[&next, &server])).await.unwrap(), 204);
}

#[tokio::test]
async fn certificates_with_any_usual_kind_of_key_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    let kinds = [
        ("rsa", rsa.unwrap()),
        (
            "p384",
            rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
        ),
        (
            "ed25519",
            rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
        ),
    ];
    for (name, key) in kinds {
        let server = written(folder.path(), name, &key);
        let address = serve(&server).await;
        assert_eq!(
            get(address, pinned(&[&server])).await.unwrap(),
            204,
            "{name}"
        );
    }
}

fn written(folder: &std::path::Path, name: &str, key: &rcgen::KeyPair) -> Identity {
    let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = parameters.self_signed(key).unwrap();
    let paths = ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")));
    fs_err::write(&paths[0], certificate.pem()).unwrap();
    fs_err::write(&paths[1], key.serialize_pem()).unwrap();
    Identity::load(&paths[0], &paths[1]).unwrap()
}

#[tokio::test]
async fn another_certificate_is_refused_and_both_are_named() {
    let (server, expected) = (identity("server"), identity("expected"));
    let address = serve(&server).await;
    let error = get(address, pinned(&[&expected])).await.unwrap_err();
    let mismatch = PinMismatch::find(&error).unwrap();
    assert_eq!(mismatch.shown, server.certificate().fingerprint());
    assert_eq!(mismatch.expected, [expected.certificate().fingerprint()]);
}

#[tokio::test]
async fn other_failures_are_not_taken_for_a_mismatch() {
    let unused = SocketAddr::from(([127, 0, 0, 1], 1));
    let error = get(unused, pinned(&[&identity("server")]))
        .await
        .unwrap_err();
    assert_eq!(PinMismatch::find(&error), None);
}

#[tokio::test]
async fn the_dates_of_a_pinned_certificate_count() {
    let server = valid("server", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let address = serve(&server).await;
    let clock = ManualClock::new("2025-12-31T00:00:00Z".parse::<Timestamp>().unwrap());
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let mut options = pinned(&[&server]);
        options.clock = Clock::from(clock.clone());
        outcomes.push(get(address, options).await.map_err(|e| format!("{e:?}")));
        clock.advance(SignedDuration::from_hours(24 * 20));
    }
    let [early, timely, late] = <[_; 3]>::try_from(outcomes).unwrap();
    assert!(early.unwrap_err().contains("NotValidYet"));
    assert_eq!(timely, Ok(204));
    assert!(late.unwrap_err().contains("Expired"));
}

#[tokio::test]
async fn the_systems_roots_do_not_vouch_for_a_self_made_certificate() {
    let address = serve(&identity("server")).await;
    let error = get(address, HttpOptions::new(ServerTrust::WebPki, "test/1"))
        .await
        .unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(PinMismatch::find(&error), None);
}

#[tokio::test]
async fn a_certificate_can_be_looked_at_before_it_is_pinned() {
    let server = identity("server");
    let address = serve(&server).await;
    let shown = observe_certificate("localhost", address.port())
        .await
        .unwrap();
    assert_eq!(&shown, server.certificate());
    let refused = observe_certificate("127.0.0.1", 1)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("127.0.0.1:1"), "{refused}");
}

#[tokio::test]
async fn a_proxy_is_used_unless_the_host_is_excepted() {
    let server = identity("server");
    let address = serve(&server).await;
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    let mut options = pinned(&[&server]);
    options.proxy = ProxySettings {
        https: Some(nobody),
        ..ProxySettings::default()
    };
    assert!(get(address, options.clone()).await.is_err());
    options.proxy.ignore_hosts = "example.com,127.0.0.0/8".to_owned();
    assert_eq!(get(address, options).await.unwrap(), 204);
}
