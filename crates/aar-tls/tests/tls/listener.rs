//! Which peers the listener accepts, how they are identified, and when they are cut.

use std::{sync::Arc, time::Duration};

use crate::support::{config, connect, identity, listen, pair, valid};
use aar_tls::{Connections, Identity, Limits, NewIdentity, Validity};
use aar_types::Clock;
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore,
    client::{ResolvesClientCert, Resumption},
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS12,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn peer_without_certificate_is_accepted_without_fingerprint() {
    let (mut client, mut stream, peer) = pair(None).await;
    assert_eq!(peer.fingerprint(), None);
    client.write_all(b"hello").await.unwrap();
    client.flush().await.unwrap();
    let mut said = [0; 5];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
}

#[tokio::test]
async fn peer_is_identified_by_its_certificate() {
    let ams = identity("ams0");
    let (_client, _stream, peer) = pair(Some(&ams)).await;
    assert_eq!(peer.certificate.as_ref(), Some(ams.certificate()));
    assert!(peer.address.ip().is_loopback());
}

#[tokio::test]
async fn expired_client_certificate_is_accepted_by_the_listener() {
    let old = valid("old", "2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z");
    let (_client, _stream, peer) = pair(Some(&old)).await;
    let shown = peer.certificate.unwrap();
    assert_eq!(shown.validity_at(Clock::system().now()), Validity::Expired);
}

#[tokio::test]
async fn peer_without_the_key_is_refused() {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let to = listener.local_addr();
    let mut stolen = config(&server, None);
    stolen.client_auth_cert_resolver = Arc::new(certificate_with_another_key());
    let thief = tokio::spawn(async move {
        let mut client = connect(to, stolen).await.unwrap();
        client.read_u8().await.unwrap_err()
    });
    let accepted = timeout(Duration::from_millis(500), listener.accept()).await;
    assert!(accepted.is_err(), "a peer without the key was accepted");
    let refusal = thief.await.unwrap().to_string();
    assert!(refusal.contains("DecryptError"), "{refusal}");
}

fn certificate_with_another_key() -> SingleCertAndKey {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let (victim, thief) = (identity("victim"), identity("thief"));
    let key = PrivateKeyDer::from_pem_slice(thief.key_pem().as_bytes()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let shown = CertificateDer::from(victim.certificate().der().to_vec());
    SingleCertAndKey::from(CertifiedKey::new(vec![shown], key))
}

#[tokio::test]
async fn session_is_never_resumed() {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let to = listener.local_addr();
    let ams = identity("ams0");
    let mut willing = config(&server, Some(&ams));
    willing.resumption = Resumption::in_memory_sessions(8);
    for _ in 0..3 {
        let (client, (mut stream, peer)) =
            tokio::join!(connect(to, willing.clone()), listener.accept());
        let mut client = client.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.flush().await.unwrap();
        client.read_u8().await.unwrap();
        let session = client.get_ref().1;
        assert_eq!(session.tls13_tickets_received(), 0);
        assert_ne!(session.handshake_kind(), Some(HandshakeKind::Resumed));
        assert!(peer.certificate.is_some());
    }
}

#[tokio::test]
async fn client_that_prefers_http2_gets_http1() {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let mut both = config(&server, None);
    both.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connecting = connect(listener.local_addr(), both);
    let (client, _accepted) = tokio::join!(connecting, listener.accept());
    let client = client.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn older_tls_and_plain_text_are_refused_and_do_not_block_others() {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let to = listener.local_addr();
    let mut plain = TcpStream::connect(to).await.unwrap();
    plain
        .write_all(b"GET /1.0 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let old = tls12_hello();
    let mut older = TcpStream::connect(to).await.unwrap();
    older.write_all(&old).await.unwrap();
    let (client, _accepted) = tokio::join!(connect(to, config(&server, None)), listener.accept());
    client.unwrap();
    let mut answer = Vec::new();
    older.read_to_end(&mut answer).await.unwrap();
    // An alert record: fatal, protocol_version.
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70]);
}

#[tokio::test]
async fn tls_1_2_is_accepted_where_it_is_allowed_and_identifies_the_peer() {
    let (server, ams) = (named_server(), identity("ams0"));
    let limits = Limits {
        allow_tls12: true,
        ..Limits::default()
    };
    let mut listener = listen(&server, limits).await;
    let to = listener.local_addr();
    let resolver = config(&server, Some(&ams)).client_auth_cert_resolver;
    let older = older_client(&server, resolver);
    let (client, (_stream, peer)) = tokio::join!(connect(to, older), listener.accept());
    let version = client.unwrap().get_ref().1.protocol_version();
    assert_eq!(version, Some(ProtocolVersion::TLSv1_2));
    assert_eq!(peer.certificate.as_ref(), Some(ams.certificate()));
    let newer = config(&server, Some(&ams));
    let (client, _) = tokio::join!(connect(to, newer), listener.accept());
    let version = client.unwrap().get_ref().1.protocol_version();
    assert_eq!(version, Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn tls_1_2_peer_without_the_key_is_refused() {
    let server = named_server();
    let limits = Limits {
        allow_tls12: true,
        ..Limits::default()
    };
    let mut listener = listen(&server, limits).await;
    let to = listener.local_addr();
    let stolen = older_client(&server, Arc::new(certificate_with_another_key()));
    let thief = tokio::spawn(async move { connect(to, stolen).await.is_err() });
    let accepted = timeout(Duration::from_millis(500), listener.accept()).await;
    assert!(accepted.is_err(), "a peer without the key was accepted");
    assert!(thief.await.unwrap());
}

/// A server with the name that [`connect`] expects.
fn named_server() -> Identity {
    let hosts = vec!["anything.example".to_owned()];
    Identity::generate(&NewIdentity {
        common_name: "server".to_owned(),
        hosts,
        not_before: "2000-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2099-01-01T00:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

/// A client of another program, which does not know TLS 1.3.
fn older_client(server: &Identity, resolver: Arc<dyn ResolvesClientCert>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = server.certificate().der().to_vec();
    roots.add(certificate.into()).unwrap();
    let provider = Arc::clone(config(server, None).crypto_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(resolver)
}

/// The client hello of TLS 1.2.
fn tls12_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let mut record = vec![22, 3, 1, 0, u8::try_from(body.len() + 4).unwrap()];
    record.extend([1, 0, 0, u8::try_from(body.len()).unwrap()]);
    record.extend(body);
    record
}

#[tokio::test]
async fn silent_peers_are_dropped_at_the_time_limit() {
    let server = identity("server");
    let limits = Limits {
        handshake_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut listener = listen(&server, limits).await;
    let mut silent = TcpStream::connect(listener.local_addr()).await.unwrap();
    let accepting = tokio::spawn(async move { listener.accept().await });
    let ended = timeout(SOON, silent.read(&mut [0; 64])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    accepting.abort();
}

#[tokio::test]
async fn silent_peers_do_not_keep_out_another_peer_of_their_address() {
    for (unknown_peers, unknown_peers_per_address) in [(64, 3), (3, 3)] {
        let server = identity("server");
        let limits = Limits {
            unknown_peers,
            unknown_peers_per_address,
            ..Limits::default()
        };
        let mut listener = listen(&server, limits).await;
        let to = listener.local_addr();
        let mut silent = Vec::new();
        for _ in 0..10 {
            silent.push(TcpStream::connect(to).await.unwrap());
        }
        let connecting = connect(to, config(&server, None));
        let both = async { tokio::join!(connecting, listener.accept()) };
        let (client, _) = timeout(SOON, both).await.unwrap();
        client.unwrap();
        assert!(listener.unknown_peers().count() <= 3);
    }
}

#[tokio::test]
async fn connected_strangers_do_not_keep_out_another_peer() {
    let server = identity("server");
    let limits = Limits {
        unknown_peers: 3,
        unknown_peers_per_address: 3,
        ..Limits::default()
    };
    let mut listener = listen(&server, limits).await;
    let to = listener.local_addr();
    let mut open = Vec::new();
    for _ in 0..10 {
        let connecting = connect(to, config(&server, None));
        let both = async { tokio::join!(connecting, listener.accept()) };
        let (client, (mut stream, _)) = timeout(SOON, both).await.unwrap();
        if open.is_empty() {
            stream.admit();
        }
        open.push((client.unwrap(), stream));
    }
    assert_eq!(listener.unknown_peers().count(), 3);
    for (number, (_, stream)) in open.iter().enumerate() {
        let is_cut = stream.slot().cut_token().is_cancelled();
        assert_eq!(is_cut, (1..7).contains(&number), "connection {number}");
    }
}

#[tokio::test]
async fn peer_with_large_certificates_is_refused() {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let mut large = config(&server, None);
    large.client_auth_cert_resolver = Arc::new(certificate_with_a_long_chain());
    let to = listener.local_addr();
    let refused = tokio::spawn(async move {
        let mut client = connect(to, large).await.unwrap();
        client.read_u8().await.unwrap_err()
    });
    let accepted = timeout(Duration::from_millis(500), listener.accept()).await;
    assert!(
        accepted.is_err(),
        "a peer with 80 certificates was accepted"
    );
    refused.await.unwrap();
}

fn certificate_with_a_long_chain() -> SingleCertAndKey {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let ams = identity("ams0");
    let key = PrivateKeyDer::from_pem_slice(ams.key_pem().as_bytes()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let shown = CertificateDer::from(ams.certificate().der().to_vec());
    SingleCertAndKey::from(CertifiedKey::new(vec![shown; 80], key))
}

#[tokio::test]
async fn cut_ends_a_pending_read() {
    let (_client, mut stream, peer) = pair(Some(&identity("ams0"))).await;
    let reading = tokio::spawn(async move { stream.read_u8().await });
    tokio::task::yield_now().await;
    peer.cut();
    let error = timeout(SOON, reading).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn cut_ends_a_transfer() {
    let (mut client, mut stream, peer) = pair(Some(&identity("ams0"))).await;
    let connections = Connections::default();
    stream.keep(connections.track(&peer));
    let sending = tokio::spawn(async move {
        let chunk = vec![0; 1 << 20];
        loop {
            if let Err(error) = stream.write_all(&chunk).await {
                return error;
            }
        }
    });
    let mut chunk = vec![0; 1 << 20];
    client.read_exact(&mut chunk).await.unwrap();
    let shown = peer.fingerprint().unwrap();
    assert_eq!(connections.cut(|other| *other != shown), 0);
    assert_eq!(connections.cut(|other| *other == shown), 1);
    let error = timeout(SOON, sending).await.unwrap().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    let rest = timeout(SOON, client.read_to_end(&mut Vec::new()))
        .await
        .unwrap();
    assert!(rest.is_err(), "the transfer ended as if it were complete");
    assert_eq!(connections.count(), 0);
}

#[tokio::test]
async fn cut_ends_both_halves_of_a_split_connection() {
    let (_client, stream, peer) = pair(Some(&identity("ams0"))).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move { reader.read_u8().await.map(drop) });
    let writing = tokio::spawn(async move {
        loop {
            writer.write_all(&[0; 4096]).await?;
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        Ok::<(), std::io::Error>(())
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    peer.cut();
    assert!(timeout(SOON, reading).await.unwrap().unwrap().is_err());
    assert!(timeout(SOON, writing).await.unwrap().unwrap().is_err());
}
