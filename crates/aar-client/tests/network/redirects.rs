//! Which redirects of downloads are followed.

use crate::{
    download::{LENGTH, download, downloaded},
    support::{
        Server, TestFolder, client, client_of_two, content, image,
        images::{redirecting_to, serving, serving_at},
        namespaces::{in_namespaces, run},
        options,
    },
};
use aar_client::{ClientOptions, Error, RegistryClient};
use aar_tls::ServerTrust;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LOOPBACK: &str = "127.0.0.1:0";

/// The error of a download that a registry on loopback redirects.
async fn refusal(location: String) -> Error {
    let registry = redirecting_to(LOOPBACK, location).await;
    let folder = TestFolder::new();
    let image = image(&content(10));
    let failed = download(&client(&registry), &image, &folder).await;
    assert_eq!(registry.requests().len(), 1, "a refusal is not retried");
    failed.unwrap_err()
}

/// A bucket without TLS, which serves one request.
async fn plain_bucket(content: &'static [u8]) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _head = stream.read(&mut [0; 4096]).await.unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            content.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(content).await.unwrap();
    });
    address
}

#[tokio::test]
async fn redirect_to_plain_http_is_followed_only_if_allowed() {
    let content = b"an image";
    let to = format!("http://{}/blob", plain_bucket(content).await);
    let error = refusal(to.clone()).await;
    assert!(matches!(error, Error::RedirectRefused { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("registry.insecure_redirects"), "{message}");

    let registry = redirecting_to(LOOPBACK, to).await;
    let insecure = RegistryClient::new(ClientOptions {
        insecure_redirects: true,
        ..options(&registry)
    });
    let folder = TestFolder::new();
    let image = image(content);
    download(&insecure.unwrap(), &image, &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
}

#[tokio::test]
async fn redirect_with_credentials_or_another_scheme_is_refused_without_showing_them() {
    for location in [
        "https://user:secret@127.0.0.1:1/blob",
        "https://secret@127.0.0.1:1/blob",
        "ftp://127.0.0.1:1/secret",
        "ws://127.0.0.1:1/secret",
    ] {
        let error = refusal(location.to_owned()).await;
        assert!(matches!(error, Error::RedirectRefused { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for location in ["file:///etc/passwd", "data:,image", "https://", "unix:/run"] {
        let error = refusal(location.to_owned()).await;
        let is_refused = matches!(
            error,
            Error::RedirectRefused { .. } | Error::Malformed { .. }
        );
        assert!(is_refused, "{location}: {error}");
    }
}

#[tokio::test]
async fn registry_on_loopback_may_redirect_to_loopback() {
    let content = content(LENGTH);
    let storage = serving(&content, vec![]).await;
    let registry = redirecting_to(LOOPBACK, format!("{}blob", storage.url())).await;
    let folder = TestFolder::new();
    let client = client_of_two(&registry, &storage);
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
}

/// In a network namespace: 192.0.2.1 is an address elsewhere, and nothing leaves the machine.
#[test]
fn registry_elsewhere_cannot_redirect_to_this_machine_or_its_link() {
    let test = "redirects::registry_elsewhere_cannot_redirect_to_this_machine_or_its_link";
    if !in_namespaces(test, &["--net", "--mount"]) {
        return;
    }
    for address in ["192.0.2.1/32", "192.0.2.2/32", "169.254.7.7/32"] {
        run("ip", &["address", "add", address, "dev", "lo"]);
    }
    run("ip", &["link", "set", "lo", "up"]);
    // A name that an attacker lets resolve to loopback.
    std::fs::write(
        "/mnt/hosts",
        "127.0.0.1 localhost rebound.example\n169.254.7.7 link.example\n",
    )
    .unwrap();
    run("mount", &["--bind", "/mnt/hosts", "/etc/hosts"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(redirects_from_elsewhere());
}

async fn redirects_from_elsewhere() {
    let content = content(LENGTH);
    // Reachable under all addresses.
    let served = serving_at("[::]:0", &content, vec![]).await;
    let port = served.url().port().unwrap();
    for host in [
        "127.0.0.1",
        "127.9.9.9",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "169.254.7.7",
        "[fe80::1]",
        "localhost",
        "rebound.example",
        "link.example",
    ] {
        let result = from_elsewhere(&served, format!("https://{host}:{port}/"), &content).await;
        let error = result.unwrap_err();
        assert!(
            matches!(error, Error::RedirectRefused { .. }),
            "{host}: {error}"
        );
    }
    assert_eq!(served.requests().len(), 0);
    // Elsewhere is allowed, and may not redirect back.
    let elsewhere = format!("https://192.0.2.2:{port}/");
    from_elsewhere(&served, elsewhere, &content).await.unwrap();
    assert_eq!(served.requests().len(), 1);
}

/// A download from a registry at 192.0.2.1 that redirects to an address.
async fn from_elsewhere(storage: &Server, to: String, content: &[u8]) -> Result<(), Error> {
    let registry = redirecting_to("192.0.2.1:0", to).await;
    let client = RegistryClient::new(ClientOptions {
        content_trust: ServerTrust::Pinned(vec![storage.fingerprint()]),
        ..options(&registry)
    });
    download(&client.unwrap(), &image(content), &TestFolder::new()).await
}
