//! The servers that a client accepts, and its error for the others.

use std::net::SocketAddr;

use aar_http::{Error, HttpClient, HttpOptions, Method, ProxySettings};
use aar_tls::{Identity, Limits, NewIdentity, PinMismatch, ServerTrust, TlsListener};
use aar_types::{Clock, ManualClock};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn identity(name: &str) -> Identity {
    valid(name, "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
}

fn valid(name: &str, from: &str, to: &str) -> Identity {
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: vec![name.to_owned()],
        not_before: from.parse().unwrap(),
        not_after: to.parse().unwrap(),
    })
    .unwrap()
}

/// Answers every connection with an empty response.
async fn serve(server: &Identity) -> SocketAddr {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut listener = TlsListener::bind(loopback, server, Limits::default())
        .await
        .unwrap();
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

async fn get(server: SocketAddr, options: HttpOptions) -> Result<u16, Error> {
    let client = HttpClient::new(options).unwrap();
    let answer = client
        .request(Method::GET, format!("https://{server}/").parse().unwrap())
        .send()
        .await?;
    Ok(answer.status().as_u16())
}

fn pinned(certificates: &[&Identity]) -> HttpOptions {
    let prints = certificates.iter().map(|i| i.certificate().fingerprint());
    HttpOptions::new(ServerTrust::Pinned(prints.collect()), "test/1")
}

#[tokio::test]
async fn pinned_certificate_is_accepted_whatever_its_names() {
    let server = Identity::generate(&NewIdentity {
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
async fn certificate_with_any_usual_kind_of_key_is_accepted() {
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
async fn other_certificate_is_refused_and_both_are_named() {
    let (server, expected) = (identity("server"), identity("expected"));
    let address = serve(&server).await;
    let error = get(address, pinned(&[&expected])).await.unwrap_err();
    let mismatch = PinMismatch::find(&error).unwrap();
    assert_eq!(mismatch.shown, server.certificate().fingerprint());
    assert_eq!(mismatch.expected, [expected.certificate().fingerprint()]);
}

#[tokio::test]
async fn failed_connection_is_not_a_pin_mismatch() {
    let unused = SocketAddr::from(([127, 0, 0, 1], 1));
    let error = get(unused, pinned(&[&identity("server")]))
        .await
        .unwrap_err();
    assert_eq!(PinMismatch::find(&error), None);
}

#[tokio::test]
async fn pinned_certificate_outside_its_dates_is_refused() {
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
async fn self_signed_certificate_is_refused_by_the_roots_of_the_system() {
    let address = serve(&identity("server")).await;
    let error = get(address, HttpOptions::new(ServerTrust::WebPki, "test/1"))
        .await
        .unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(PinMismatch::find(&error), None);
}

#[tokio::test]
async fn proxy_is_used_unless_the_host_is_excepted() {
    let server = identity("server");
    let address = serve(&server).await;
    let unused = "http://127.0.0.1:1".parse().unwrap();
    let mut options = pinned(&[&server]);
    options.proxy = ProxySettings {
        https: Some(unused),
        ..ProxySettings::default()
    };
    assert!(get(address, options.clone()).await.is_err());
    options.proxy.ignore_hosts = "example.com,127.0.0.0/8".to_owned();
    assert_eq!(get(address, options).await.unwrap(), 204);
}
