//! Hundreds of peers without a trusted certificate, and a service that may open few files.

use std::time::Duration;

use aar_http::{HttpClient, HttpOptions, Method};
use aar_testkit::Strangers;
use aar_tls::{Identity, ServerTrust};
use aar_types::Fingerprint;
use tokio::time::timeout;

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

    let requests = b"GET /1.0/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    let mut strangers = Strangers::of(&target.address, target.fingerprint);
    for number in 0..STRANGERS {
        strangers.connect();
        strangers.send(&requests);
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
