//! Hundreds of peers without a trusted certificate, and a service that may open few files.

use std::{sync::Arc, time::Duration};

use aar_http::{HttpClient, HttpOptions, Method};
use aar_tls::{Identity, ServerTrust, client_config};
use aar_types::{Clock, Fingerprint};
use rustls::pki_types::ServerName;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Service, base, identity, run};

const OPEN_FILES: usize = 256;
const STRANGERS: usize = 400;
/// More than `STRANGERS` connections may cost, and less than they cost with the buffers of known peers.
const MAX_GROWTH_KIB: usize = 48 * 1024;

struct Target {
    address: String,
    fingerprint: Fingerprint,
}

impl Target {
    fn of(service: &Service) -> Self {
        let log = service.log();
        let fingerprint = log.split_once(" fingerprint=").unwrap().1;
        let fingerprint = fingerprint.split_whitespace().next().unwrap();
        Self {
            address: service.address(),
            fingerprint: fingerprint.parse().unwrap(),
        }
    }

    fn trust(&self) -> ServerTrust {
        ServerTrust::Pinned(vec![self.fingerprint])
    }

    /// A connection of a stranger that sends requests and reads no response.
    async fn stranger(&self) -> Option<TlsStream<TcpStream>> {
        let config = client_config(self.trust(), None, Clock::system()).unwrap();
        let tcp = TcpStream::connect(&self.address).await.ok()?;
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        let mut tls = connecting.await.ok()?;
        let requests = b"GET /1.0/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
        let _ended = timeout(Duration::from_millis(5), tls.write_all(&requests)).await;
        Some(tls)
    }

    async fn status_for(&self, identity: &Identity) -> u16 {
        let options = HttpOptions {
            identity: Some(identity.clone()),
            ..HttpOptions::new(self.trust(), "aar-tests")
        };
        let url = format!("https://{}/1.0/applications", self.address);
        let request = HttpClient::new(options)
            .unwrap()
            .request(Method::GET, url.parse().unwrap());
        let response = timeout(Duration::from_secs(30), request.send()).await;
        response.unwrap().unwrap().status().as_u16()
    }
}

fn resident_kib(service: &Service) -> usize {
    let status = fs_err::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn trusted_client_and_commands_are_served_beside_strangers_that_read_nothing() {
    let base = base();
    let service = Service::start_after(base.path(), &format!("ulimit -n {OPEN_FILES}"));
    let client = identity();
    let pem = client.certificate().to_pem();
    let (code, _, stderr) = run(base.path(), &["trust", "add"], &pem);
    assert_eq!(code, Some(0), "{stderr}");
    let target = Target::of(&service);
    assert_eq!(target.status_for(&client).await, 200);
    let before = resident_kib(&service);

    let (mut silent, mut reading_nothing) = (Vec::new(), Vec::new());
    for number in 0..STRANGERS {
        silent.push(TcpStream::connect(&target.address).await.unwrap());
        reading_nothing.extend(target.stranger().await);
        if number % 100 == 99 {
            assert_eq!(target.status_for(&client).await, 200);
        }
    }

    let growth = resident_kib(&service).saturating_sub(before);
    assert!(growth < MAX_GROWTH_KIB, "{growth} KiB more");
    let fingerprint = client.certificate().fingerprint().to_string();
    let (code, _, stderr) = run(base.path(), &["trust", "revoke", "--yes", &fingerprint], "");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("does not respond"), "{stderr}");
    assert_eq!(target.status_for(&client).await, 403);
    assert!(
        !service.log().contains("cannot be accepted"),
        "{}",
        service.log()
    );
}
