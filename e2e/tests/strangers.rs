//! Hundreds of peers of one address without a trusted certificate.

use aar_testkit::{SOON, Strangers, TestAms, TestClient, TestPki, until};

const STRANGERS: usize = 300;
/// The sockets for 128 unknown peers of one address, and for connections that are about to end.
const MAX_SOCKETS: usize = 160;
/// More than the connections of strangers may cost, and less than they cost with the buffers of known peers.
const MAX_GROWTH: u64 = 48 << 20;

#[test]
fn trusted_client_and_socket_are_served_beside_strangers_that_send_much_and_read_nothing() {
    let (mut ams, pki) = (TestAms::start(), TestPki::new());
    let certificate = pki.client.certificate();
    let trust = ["config", "trust", "add", certificate.to_str().unwrap()];
    ams.amc(&trust).success();
    let client = TestClient::new(&ams.url(), &ams.certificate(), Some(&pki.client));
    assert_eq!(client.get("/1.0/applications").status, 200);

    let (before, sockets) = (ams.process().memory(), ams.process().sockets());
    let address = ams.url().replace("https://", "");
    let mut strangers = Strangers::of(&address, ams.fingerprint().parse().unwrap());
    let pipelined = b"GET /1.0 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    // Part of a head, part of a body, and a body that AMS takes only from known peers.
    let half_a_head = b"GET /1.0 HTTP/1.1\r\nhost: ".to_vec();
    let post = |length: usize, body: usize| {
        let head = format!(
            "POST /1.0/certificates HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        );
        [head.into_bytes(), vec![b' '; body]].concat()
    };
    let kinds = [
        pipelined,
        half_a_head,
        post(10_000, 5_000),
        post(1 << 20, 1 << 20),
    ];
    for number in 0..STRANGERS {
        strangers.connect();
        strangers.send(&kinds[number % kinds.len()]);
        if number % 100 == 99 {
            assert_eq!(client.get("/1.0/applications").status, 200);
            ams.amc(&["application", "list"]).success();
            let more = ams.process().sockets().saturating_sub(sockets);
            assert!(more <= MAX_SOCKETS, "{more} more sockets");
        }
    }

    let growth = ams.process().peak_memory().saturating_sub(before);
    assert!(growth < MAX_GROWTH, "{} MiB more", growth >> 20);
    ams.amc(&["info"]).success();
    let log = ams.log();
    assert!(!log.contains("cannot be accepted"), "{log}");
    // The strangers keep their ends open.
    until("AMS has closed the connections", SOON, || {
        ams.process().sockets() <= sockets + 4
    });
    drop(strangers);
}
