use aar_testkit::TestPki;
use aar_types::FingerprintPrefix;

use super::support::TestAms;

#[tokio::test]
async fn added_certificate_is_trusted_at_once_and_after_a_restart() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    ams.trust().add(certificate).await.unwrap();
    assert!(ams.trust().contains(&certificate.fingerprint()));
    let ams = ams.restart().await;
    assert_eq!(ams.trust().list(), std::slice::from_ref(certificate));
}

#[tokio::test]
async fn adding_a_certificate_twice_is_refused() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    ams.trust().add(certificate).await.unwrap();
    let refusal = ams.trust().add(certificate).await.unwrap_err().to_string();
    assert!(refusal.contains("already exists"), "{refusal}");
}

#[tokio::test]
async fn removal_takes_effect_before_watchers_are_notified() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    ams.trust().add(certificate).await.unwrap();
    let mut changes = ams.trust().changes();
    let prefix: FingerprintPrefix = pki.client.fingerprint()[..12].parse().unwrap();
    assert_eq!(ams.trust().remove(&prefix).await.unwrap(), *certificate);
    changes.changed().await.unwrap();
    assert!(!ams.trust().contains(&certificate.fingerprint()));
    let refusal = ams.trust().remove(&prefix).await.unwrap_err().to_string();
    assert!(refusal.contains("no certificate"), "{refusal}");
}

#[tokio::test]
async fn prefix_of_several_certificates_is_ambiguous() {
    let ams = TestAms::new().await;
    let mut first_digits = std::collections::HashSet::new();
    let shared = loop {
        let pki = TestPki::new();
        ams.trust()
            .add(pki.client.identity().certificate())
            .await
            .unwrap();
        let digit = pki.client.fingerprint()[..1].to_owned();
        if !first_digits.insert(digit.clone()) {
            break digit;
        }
    };
    let refusal = ams.trust().find(&shared.parse().unwrap());
    let refusal = refusal.unwrap_err();
    assert!(refusal.to_string().contains("more digits"), "{refusal}");
}

#[tokio::test]
async fn client_enrols_with_the_trust_password_only() {
    let (ams, pki) = (TestAms::new().await, TestPki::new());
    let certificate = pki.client.identity().certificate();
    for unset in ["", "anything"] {
        assert!(ams.enrol(certificate, unset).await.is_err());
    }
    ams.config()
        .set("core.trust_password", "sUp3rs3cr3t")
        .await
        .unwrap();
    assert!(ams.enrol(certificate, "guess").await.is_err());
    ams.enrol(certificate, "sUp3rs3cr3t").await.unwrap();
    assert!(ams.trust().contains(&certificate.fingerprint()));
}
