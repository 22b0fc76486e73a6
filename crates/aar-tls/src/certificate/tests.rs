use super::*;
use crate::{Identity, NewIdentity};

fn identity(not_after: &str) -> Identity {
    Identity::generate(&NewIdentity {
        common_name: "ams0".to_owned(),
        hosts: vec!["localhost".to_owned(), "::1".to_owned()],
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: not_after.parse().unwrap(),
    })
    .unwrap()
}

fn refusal(text: &str) -> String {
    Certificate::from_pem(text).unwrap_err().to_string()
}

#[test]
fn subject_and_dates_are_read() {
    let made = identity("2036-01-01T00:00:00Z");
    let certificate = made.certificate();
    assert_eq!(certificate.subject(), "CN=ams0");
    assert_eq!(certificate.not_before().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(certificate.not_after().to_string(), "2036-01-01T00:00:00Z");
}

#[test]
fn certificate_that_ends_before_it_begins_is_refused() {
    let made = identity("2025-01-01T00:00:00Z");
    let refused = Certificate::read(made.certificate().der())
        .unwrap_err()
        .to_string();
    for part in ["never valid", "2025-01-01", "2026-01-01"] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn certificate_with_a_length_of_another_encoding_is_refused() {
    let made = identity("2036-01-01T00:00:00Z");
    let der = made.certificate().der();
    let &[0x30, 0x82, high, low, ref content @ ..] = der else {
        panic!("the certificate has between 256 and 65535 bytes");
    };
    let longer = [&[0x30, 0x85, 0, 0, 0, high, low], content].concat();
    let refused = Certificate::from_der(&longer).unwrap_err().to_string();
    assert!(refused.contains("not in DER form"), "{refused}");
}

#[test]
fn pem_base64_and_der_are_read_back() {
    let made = identity("2036-01-01T00:00:00Z");
    let certificate = made.certificate();
    let pem = certificate.to_pem();
    let forms = [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        format!("subject=CN = ams0\nissuer=CN = ams0\n\n{pem}"),
        format!("{}{pem}", made.key_pem()),
        certificate.to_base64(),
        format!("\n{}\n", certificate.to_base64()),
    ];
    for form in forms {
        assert_eq!(
            &Certificate::from_pem(&form).unwrap(),
            certificate,
            "{form}"
        );
    }
    assert_eq!(
        &Certificate::from_der(certificate.der()).unwrap(),
        certificate
    );
}

#[test]
fn refusal_describes_the_text() {
    let made = identity("2036-01-01T00:00:00Z");
    assert!(refusal("").contains("empty"));
    assert!(refusal(" \n").contains("empty"));
    assert!(refusal("hello there").contains("BEGIN CERTIFICATE"));
    assert!(refusal(made.key_pem()).contains("private key"));
    let pem = made.certificate().to_pem();
    let cut = &pem[..pem.len() - 30];
    assert!(refusal(cut).contains("cut off"), "{}", refusal(cut));
    let broken = pem.replace("MII", "M?I");
    assert!(refusal(&broken).contains("broken"), "{}", refusal(&broken));
    assert!(refusal(&BASE64_STANDARD.encode("not DER")).contains("X.509"));
}

#[test]
fn bytes_after_a_certificate_are_refused() {
    let mut der = identity("2036-01-01T00:00:00Z")
        .certificate()
        .der()
        .to_vec();
    der.push(0);
    assert!(Certificate::from_der(&der).is_err());
}

#[test]
fn validity_depends_on_the_moment() {
    let made = identity("2036-01-01T00:00:00Z");
    let at = |moment: &str| made.certificate().validity_at(moment.parse().unwrap());
    assert_eq!(at("2025-12-31T23:59:59Z"), Validity::NotYetValid);
    assert_eq!(at("2026-01-01T00:00:00Z"), Validity::Valid);
    assert_eq!(at("2036-01-01T00:00:00Z"), Validity::Valid);
    assert_eq!(at("2036-01-01T00:00:01Z"), Validity::Expired);
}

#[test]
fn certificate_without_expiry_is_always_valid_and_ends_with_a_whole_second() {
    let without_expiry = timestamp(ASN1Time::from_timestamp(253_402_300_799).unwrap());
    assert_eq!(without_expiry, NO_EXPIRY);
    let made = identity("9999-12-30T22:00:00Z");
    assert_eq!(made.certificate().not_after(), NO_EXPIRY);
    let at_the_end = made.certificate().validity_at(Timestamp::MAX);
    assert_eq!(at_the_end, Validity::Valid);
}
