//! Which way AMS takes to its registry: through a proxy, or past it.

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

use crate::{introduced::introduce, running::Running};

/// A proxy that leads to one place, whatever it is asked for, and remembers what that was.
struct Proxy {
    url: String,
    asked: Asked,
}

type Asked = Arc<Mutex<Vec<String>>>;

impl Proxy {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Asked::default();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(tunnel(near, to, Arc::clone(&seen)));
            }
        });
        Self { url, asked }
    }

    /// The first lines of what it was asked.
    fn asked(&self) -> Vec<String> {
        let heads = self.asked.lock().unwrap();
        let lines = heads.iter().filter_map(|head| head.lines().next());
        lines.map(str::to_owned).collect()
    }

    fn heads(&self) -> String {
        self.asked.lock().unwrap().concat()
    }
}

async fn tunnel(mut near: TcpStream, to: SocketAddr, asked: Asked) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    asked.lock().unwrap().push(head.into_owned());
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut far = TcpStream::connect(to).await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

/// A registry, a proxy that leads to it, and an AMS that has the registry at an address.
async fn site(url: impl Fn(&TestRegistry) -> String) -> (TestRegistry, Proxy, Running) {
    let registry = block_in_place(TestRegistry::start);
    let proxy = Proxy::start(registry.address()).await;
    let ams = Running::at_present().await;
    introduce(&ams, &registry, &url(&registry)).await;
    (registry, proxy, ams)
}

async fn set(ams: &Running, name: &str, value: &str) {
    ams.ams.config().set(name, value).await.unwrap();
}

/// Whether AMS gets an answer from its registry.
async fn reaches_registry(ams: &Running) -> bool {
    ams.get("/1.0/registry/applications").await.status == StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_whose_name_only_the_proxy_knows_is_reached_through_it() {
    let (_registry, proxy, ams) = site(|_| "https://registry.invalid:3000".to_owned()).await;
    set(&ams, "core.proxy_https", &proxy.url).await;
    assert!(reaches_registry(&ams).await);
    let asked = proxy.asked();
    assert_eq!(asked, ["CONNECT registry.invalid:3000 HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_to_ignore_is_reached_past_the_proxy() {
    let (_registry, proxy, ams) = site(TestRegistry::url).await;
    set(&ams, "core.proxy_ignore_hosts", "example.com,127.0.0.1").await;
    set(&ams, "core.proxy_https", &proxy.url).await;
    assert!(reaches_registry(&ams).await);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_for_plain_http_has_nothing_to_do_with_the_registry() {
    let (_registry, proxy, ams) = site(TestRegistry::url).await;
    set(&ams, "core.proxy_http", &proxy.url).await;
    assert!(reaches_registry(&ams).await);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_proxy_is_sent_to_it_and_told_nowhere() {
    let (_registry, proxy, ams) = site(|_| "https://registry.invalid:3000".to_owned()).await;
    let with_password = proxy.url.replace("http://", "http://user:hush@");
    set(&ams, "core.proxy_https", &with_password).await;
    assert!(reaches_registry(&ams).await);
    let sent = proxy.heads();
    // user:hush
    assert!(sent.contains("Basic dXNlcjpodXNo"), "{sent}");
    let nobody = "http://user:hush@127.0.0.1:1";
    set(&ams, "core.proxy_https", nobody).await;
    let failed = ams.get("/1.0/registry/applications").await;
    assert_ne!(failed.status, StatusCode::OK);
    let mut told = format!("{failed:?}");
    for path in ["/1.0", "/1.0/config", "/1.0/registry/status"] {
        let answer = ams.get(path).await;
        told.push_str(&String::from_utf8_lossy(&answer.body));
    }
    assert!(!told.contains("hush"), "{told}");
    assert!(told.contains("http://user:***@127.0.0.1:1"), "{told}");
}
