//! Connections to the registry with and without proxy.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aar_testkit::TestRegistry;
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::block_in_place,
};

use crate::{connected::connect_to_registry, running_ams::RunningAms};

/// A proxy that connects to one address and records its requests.
struct TestProxy {
    url: String,
    requests: RecordedRequests,
}

type RecordedRequests = Arc<Mutex<Vec<String>>>;

impl TestProxy {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = RecordedRequests::default();
        let recorded = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(tunnel(near, to, Arc::clone(&recorded)));
            }
        });
        Self { url, requests }
    }

    /// The first lines of all requests.
    fn request_lines(&self) -> Vec<String> {
        let heads = self.requests.lock().unwrap();
        let lines = heads.iter().filter_map(|head| head.lines().next());
        lines.map(str::to_owned).collect()
    }

    fn heads(&self) -> String {
        self.requests.lock().unwrap().concat()
    }
}

async fn tunnel(mut near: TcpStream, to: SocketAddr, requests: RecordedRequests) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    requests.lock().unwrap().push(head.into_owned());
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut far = TcpStream::connect(to).await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

/// A registry, a proxy for it, and an AMS that is configured with a URL.
async fn setup(url: impl Fn(&TestRegistry) -> String) -> (TestRegistry, TestProxy, RunningAms) {
    let registry = block_in_place(TestRegistry::start);
    let proxy = TestProxy::start(registry.address()).await;
    let ams = RunningAms::at_present().await;
    connect_to_registry(&ams, &registry, &url(&registry)).await;
    (registry, proxy, ams)
}

async fn set(ams: &RunningAms, name: &str, value: &str) {
    ams.ams.config().set(name, value).await.unwrap();
}

/// Whether AMS reaches its registry.
async fn reaches_registry(ams: &RunningAms) -> bool {
    ams.get("/1.0/registry/applications").await.status == StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_is_reached_through_the_proxy() {
    let (_registry, proxy, ams) = setup(|_| "https://registry.invalid:3000".to_owned()).await;
    set(&ams, "core.proxy_https", &proxy.url).await;
    assert!(reaches_registry(&ams).await);
    // AMS has more connections: it also reports how it stands.
    let mut lines = proxy.request_lines();
    lines.dedup();
    assert_eq!(lines, ["CONNECT registry.invalid:3000 HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_host_is_reached_without_the_proxy() {
    let (_registry, proxy, ams) = setup(TestRegistry::url).await;
    set(&ams, "core.proxy_ignore_hosts", "example.com,127.0.0.1").await;
    set(&ams, "core.proxy_https", &proxy.url).await;
    assert!(reaches_registry(&ams).await);
    assert_eq!(proxy.request_lines(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_for_plain_http_is_not_used_for_the_registry() {
    let (_registry, proxy, ams) = setup(TestRegistry::url).await;
    set(&ams, "core.proxy_http", &proxy.url).await;
    assert!(reaches_registry(&ams).await);
    assert_eq!(proxy.request_lines(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_password_is_sent_to_the_proxy_and_shown_nowhere() {
    let (_registry, proxy, ams) = setup(|_| "https://registry.invalid:3000".to_owned()).await;
    let with_password = proxy.url.replace("http://", "http://user:hush@");
    set(&ams, "core.proxy_https", &with_password).await;
    assert!(reaches_registry(&ams).await);
    let sent = proxy.heads();
    // user:hush
    assert!(sent.contains("Basic dXNlcjpodXNo"), "{sent}");
    let unreachable = "http://user:hush@127.0.0.1:1";
    set(&ams, "core.proxy_https", unreachable).await;
    let failed = ams.get("/1.0/registry/applications").await;
    assert_ne!(failed.status, StatusCode::OK);
    let mut shown = format!("{failed:?}");
    for path in ["/1.0", "/1.0/config", "/1.0/registry/status"] {
        let response = ams.get(path).await;
        shown.push_str(&String::from_utf8_lossy(&response.body));
    }
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("http://user:***@127.0.0.1:1"), "{shown}");
}
