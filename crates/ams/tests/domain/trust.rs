use aar_testkit::TestPki;
use aar_types::FingerprintPrefix;

use super::support::Here;

#[tokio::test]
async fn a_certificate_is_trusted_at_once_and_after_a_restart() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    here.ams.trust().add(certificate).await.unwrap();
    assert!(here.ams.trust().contains(&certificate.fingerprint()));
    let here = here.again().await;
    assert_eq!(here.ams.trust().list(), std::slice::from_ref(certificate));
}

#[tokio::test]
async fn the_same_certificate_again_already_exists() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    here.ams.trust().add(certificate).await.unwrap();
    let refusal = here
        .ams
        .trust()
        .add(certificate)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("already exists"), "{refusal}");
}

#[tokio::test]
async fn a_removal_takes_effect_before_it_is_told() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    here.ams.trust().add(certificate).await.unwrap();
    let mut changes = here.ams.trust().changes();
    let prefix: FingerprintPrefix = pki.client.fingerprint()[..12].parse().unwrap();
    assert_eq!(
        here.ams.trust().remove(&prefix).await.unwrap(),
        *certificate
    );
    changes.changed().await.unwrap();
    assert!(!here.ams.trust().contains(&certificate.fingerprint()));
    let refusal = here
        .ams
        .trust()
        .remove(&prefix)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("no certificate"), "{refusal}");
}

#[tokio::test]
async fn a_prefix_of_several_certificates_is_ambiguous() {
    let here = Here::new().await;
    let mut first_digits = std::collections::HashSet::new();
    let shared = loop {
        let pki = TestPki::new();
        here.ams
            .trust()
            .add(pki.client.identity().certificate())
            .await
            .unwrap();
        let digit = pki.client.fingerprint()[..1].to_owned();
        if !first_digits.insert(digit.clone()) {
            break digit;
        }
    };
    let refusal = here.ams.trust().find(&shared.parse().unwrap());
    let refusal = refusal.unwrap_err();
    assert!(refusal.to_string().contains("more digits"), "{refusal}");
}

#[tokio::test]
async fn a_client_enrols_itself_with_the_trust_password_only() {
    let (here, pki) = (Here::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    for unset in ["", "anything"] {
        assert!(here.ams.enrol(certificate, unset).await.is_err());
    }
    here.ams
        .config()
        .set("core.trust_password", "sUp3rs3cr3t")
        .await
        .unwrap();
    assert!(here.ams.enrol(certificate, "guess").await.is_err());
    here.ams.enrol(certificate, "sUp3rs3cr3t").await.unwrap();
    assert!(here.ams.trust().contains(&certificate.fingerprint()));
}
