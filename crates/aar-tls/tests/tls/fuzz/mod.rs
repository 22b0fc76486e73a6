//! Fuzz targets. Their corpus is in `__fuzz__`.

use aar_tls::Certificate;

/// A certificate that can be trusted has one fingerprint in every form, and a subject.
fn check_certificate(bytes: &[u8]) -> bool {
    let Ok(certificate) = Certificate::read(bytes) else {
        return false;
    };
    let fingerprint = certificate.fingerprint();
    for form in [
        certificate.der().to_vec(),
        certificate.to_pem().into_bytes(),
        certificate.to_base64().into_bytes(),
    ] {
        assert_eq!(Certificate::read(&form).unwrap().fingerprint(), fingerprint);
    }
    assert!(certificate.not_before() <= certificate.not_after());
    assert!(certificate.subject().len() <= certificate.der().len() * 6);
    true
}

#[test]
fn certificate() {
    aar_testkit::fuzz!("certificate", check_certificate);
}
