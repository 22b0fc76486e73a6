//! The table of bounds in `SECURITY.md` has the values of the code.

use std::time::Duration;

use aar_client::limits;
use aar_daemon::serve::{TimeLimits, UNKNOWN_HEAD_BYTES, UNKNOWN_LOCAL_PEERS};
use aar_tls::Limits;

use crate::{
    http::{
        body::{MAX_BODY, MAX_UNKNOWN_BODY},
        enrolment::{MAX_ADDRESSES, MAX_LOCK},
    },
    operations::MAX_ENDED,
};

const SECURITY: &str = include_str!("../../../SECURITY.md");

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes / 1024)
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

fn rows() -> Vec<(&'static str, String)> {
    let (known, unknown) = (TimeLimits::KNOWN, TimeLimits::UNKNOWN);
    let package = aar_package::Limits::default();
    vec![
        ("TLS handshake", seconds(Limits::HANDSHAKE_TIMEOUT)),
        (
            "Connections of unknown peers",
            Limits::UNKNOWN_PEERS.to_string(),
        ),
        (
            "Share of one address in them",
            format!("1/{}", Limits::ADDRESS_SHARE),
        ),
        (
            "Certificates that a client shows",
            kib(Limits::CERTIFICATE_BYTES),
        ),
        ("Head of a request, unknown peers", kib(UNKNOWN_HEAD_BYTES)),
        (
            "Response buffer, unknown peers",
            kib(Limits::UNKNOWN_WRITE_BUFFER),
        ),
        (
            "Body of a request to AMS, unknown peers",
            kib(MAX_UNKNOWN_BODY),
        ),
        (
            "Until the next head is complete, unknown peers",
            seconds(unknown.head),
        ),
        ("For a whole body, unknown peers", seconds(unknown.body)),
        (
            "Without reading a response, unknown peers",
            seconds(unknown.write),
        ),
        (
            "Until the next head is complete, known peers",
            seconds(known.head),
        ),
        ("Without a byte of a body, known peers", seconds(known.body)),
        (
            "Without reading a response, known peers",
            seconds(known.write),
        ),
        ("JSON body of a request to AMS, known peers", kib(MAX_BODY)),
        (
            "Files kept back for database, images and control socket",
            Limits::RESERVED_FILES.to_string(),
        ),
        (
            "Connections of unknown users of a socket or of readers of metrics",
            UNKNOWN_LOCAL_PEERS.to_string(),
        ),
        (
            "Addresses with wrong trust passwords",
            MAX_ADDRESSES.to_string(),
        ),
        (
            "Lock after wrong trust passwords",
            format!("{} s", MAX_LOCK.as_secs()),
        ),
        ("Ended operations of AMS", MAX_ENDED.to_string()),
        ("Response of a registry", kib(limits::RESPONSE_BYTES)),
        (
            "Values in a response of a registry",
            limits::RESPONSE_VALUES.to_string(),
        ),
        (
            "Entries of a list in a response of a registry",
            limits::LIST_ENTRIES.to_string(),
        ),
        ("Text in a response of a registry", kib(limits::TEXT_BYTES)),
        (
            "Lists inside each other in a response of a registry",
            limits::RESPONSE_DEPTH.to_string(),
        ),
        (
            "Applications of a listing",
            limits::LISTING_APPLICATIONS.to_string(),
        ),
        (
            "Versions of a listing",
            limits::LISTING_VERSIONS.to_string(),
        ),
        ("Pages of a listing", limits::LISTING_PAGES.to_string()),
        ("All pages of a listing", kib(limits::LISTING_BYTES)),
        (
            "Values on all pages of a listing",
            limits::LISTING_VALUES.to_string(),
        ),
        (
            "Wait that a registry requests",
            seconds(limits::RETRY_AFTER),
        ),
        ("Entries of a package", package.entries.to_string()),
        (
            "Manifest of a package",
            kib(usize::try_from(package.manifest_size).unwrap()),
        ),
    ]
}

#[test]
fn table_in_security_has_the_values_of_the_code() {
    let (_, table) = SECURITY
        .split_once("| bound | value |\n|---|---|\n")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let expected = rows()
        .into_iter()
        .map(|(bound, value)| format!("| {bound} | {value} |"));
    let expected: Vec<_> = expected.collect();
    assert_eq!(table.lines().collect::<Vec<_>>(), expected);
}
