use aar_registry::{Error, Refusal, TrustAdded, Withdrawal};
use aar_types::{FingerprintPrefix, Role, TrustState};
use jiff::{SignedDuration, Timestamp};

use crate::backend::{certificate, on_every_backend, on_folders, refused};

fn prefix(text: &str) -> FingerprintPrefix {
    text.parse().unwrap()
}

#[tokio::test]
async fn trust_takes_effect_with_the_next_request() {
    on_every_backend(async |fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        let shown = Some(&new.fingerprint);
        let role = || fixture.registry.role_of(shown);
        assert_eq!(role(), Err(Refusal::Unknown));
        assert_eq!(
            operator.trust_add(new.clone()).await.unwrap(),
            TrustAdded::Added
        );
        assert_eq!(role(), Ok(Role::Client));
        operator.trust_remove(&prefix("aa")).await.unwrap();
        assert_eq!(role(), Err(Refusal::Unknown));
        assert_eq!(
            operator.trust_add(new.clone()).await.unwrap(),
            TrustAdded::Added
        );
        operator.trust_revoke(&prefix("aa")).await.unwrap();
        assert_eq!(role(), Err(Refusal::Revoked));
        assert!(!fixture.registry.trust().is_trusted(&new.fingerprint));
    })
    .await;
}

#[tokio::test]
async fn certificate_without_an_end_is_trusted_after_a_restart() {
    on_every_backend(async |mut fixture| {
        let mut new = certificate(0xaa, Role::Client);
        (new.not_before, new.not_after) = (Timestamp::MIN, Timestamp::MAX);
        fixture.operator().trust_add(new.clone()).await.unwrap();
        fixture.restart().await;
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Client)
        );
    })
    .await;
}

#[tokio::test]
async fn adding_a_trusted_certificate_again_changes_at_most_its_role() {
    on_every_backend(async |fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        operator.trust_add(new.clone()).await.unwrap();
        let actions = fixture.audit_actions().await;
        assert_eq!(
            operator.trust_add(new.clone()).await.unwrap(),
            TrustAdded::AlreadyTrusted
        );
        assert_eq!(fixture.audit_actions().await, actions);
        let publisher = certificate(0xaa, Role::Publisher);
        let changed = operator.trust_add(publisher).await.unwrap();
        assert_eq!(changed, TrustAdded::RoleChanged { from: Role::Client });
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Publisher)
        );
    })
    .await;
}

#[tokio::test]
async fn revoked_is_for_ever() {
    on_every_backend(async |mut fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        operator.trust_add(new.clone()).await.unwrap();
        let revoked = operator.trust_revoke(&prefix("aa")).await.unwrap();
        assert_eq!(
            (revoked.state, revoked.revoked_at),
            (TrustState::Revoked, Some(fixture.now()))
        );

        for role in [Role::Client, Role::Publisher] {
            let error = refused(operator.trust_add(certificate(0xaa, role)).await);
            assert!(matches!(error, Error::CertificateRevoked { .. }), "{error}");
            assert!(error.to_string().contains(&new.fingerprint.to_string()));
        }
        let error = refused(operator.trust_remove(&prefix("aa")).await);
        assert!(matches!(error, Error::CertificateRevoked { .. }), "{error}");
        assert_eq!(operator.trust_revoke(&prefix("aa")).await.unwrap(), revoked);
        fixture.restart().await;
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Err(Refusal::Revoked)
        );
        assert_eq!(
            fixture.operator().trust_list(true).await.unwrap(),
            [revoked]
        );
        assert_eq!(fixture.operator().trust_list(false).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn revoked_is_for_ever_with_a_restored_database_at_the_start() {
    on_every_backend(async |mut fixture| {
        let (known, unknown) = (
            certificate(0xaa, Role::Client),
            certificate(0xbb, Role::Client),
        );
        fixture.operator().trust_add(known.clone()).await.unwrap();
        let mut revoked = Vec::new();
        fixture
            .with_lost_commit(async |operator| {
                operator.trust_add(unknown.clone()).await.unwrap();
                operator
                    .trust_add(certificate(0xcc, Role::Client))
                    .await
                    .unwrap();
                for one in [&known, &unknown] {
                    revoked.push(
                        operator
                            .trust_revoke(&one.fingerprint.into())
                            .await
                            .unwrap(),
                    );
                }
            })
            .await;
        let (operator, role) = (fixture.operator(), |of| fixture.registry.role_of(Some(of)));
        assert_eq!(role(&known.fingerprint), Ok(Role::Client));

        let restored = operator.restore_revocations().await.unwrap();
        assert_eq!(restored.len(), 2);
        for one in [&known, &unknown] {
            assert_eq!(role(&one.fingerprint), Err(Refusal::Revoked));
        }
        assert_eq!(operator.trust_list(true).await.unwrap(), revoked);
        assert_eq!(operator.trust_list(false).await.unwrap(), []);
        assert_eq!(
            fixture.audit_actions().await[..2],
            ["trust-revoke", "trust-revoke"]
        );
        assert_eq!(operator.restore_revocations().await.unwrap(), []);
        // It is one the database knows from now on.
        fixture.restart().await;
        assert_eq!(fixture.operator().trust_list(true).await.unwrap(), revoked);
    })
    .await;
}

#[tokio::test]
async fn revoked_is_for_ever_with_a_restored_database_in_every_command() {
    on_every_backend(async |mut fixture| {
        let (known, unknown) = (
            certificate(0xaa, Role::Client),
            certificate(0xbb, Role::Client),
        );
        fixture.operator().trust_add(known.clone()).await.unwrap();
        fixture
            .with_lost_commit(async |operator| {
                operator.trust_add(unknown.clone()).await.unwrap();
                for one in [&known, &unknown] {
                    operator
                        .trust_revoke(&one.fingerprint.into())
                        .await
                        .unwrap();
                }
            })
            .await;
        let operator = fixture.operator();
        let publisher = certificate(0xaa, Role::Publisher);
        for refusal in [
            refused(operator.trust_add(publisher).await),
            refused(operator.trust_add(unknown).await),
        ] {
            assert!(
                matches!(refusal, Error::CertificateRevoked { .. }),
                "{refusal}"
            );
        }
        // The database believes it until the storage is asked.
        operator.trust_remove(&prefix("aa")).await.unwrap();
        assert_eq!(operator.trust_list(true).await.unwrap().len(), 1);
        fixture.rebuild().await;
        assert_eq!(fixture.operator().trust_list(true).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn invalid_descriptor_revokes_no_certificate() {
    on_every_backend(async |fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        operator.trust_add(new.clone()).await.unwrap();
        let other = certificate(0xbb, Role::Client);
        operator.trust_add(other.clone()).await.unwrap();
        operator.trust_revoke(&prefix("bb")).await.unwrap();
        let about_another = fixture.text(&format!("trust/{}.json", other.fingerprint));
        fixture.overwrite(
            &format!("trust/{}.json", new.fingerprint),
            about_another.as_bytes(),
        );
        fixture.overwrite(&format!("trust/{}.json", "cc".repeat(32)), b"{");
        fixture.overwrite("trust/readme.txt", b"");
        assert_eq!(operator.restore_revocations().await.unwrap(), []);
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Client)
        );
    })
    .await;
}

#[tokio::test]
async fn revoked_is_for_ever_in_the_database() {
    on_every_backend(async |fixture| {
        let operator = fixture.operator();
        operator
            .trust_add(certificate(0xaa, Role::Client))
            .await
            .unwrap();
        operator.trust_revoke(&prefix("aa")).await.unwrap();
        for statement in ["UPDATE trust SET state = 'trusted'", "DELETE FROM trust"] {
            let error = fixture.execute(statement).await.unwrap_err();
            assert!(error.contains("revoked"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn trust_change_is_committed_even_if_the_table_cannot_be_read_after_it() {
    on_every_backend(async |fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        let der = fixture.bytes(b"");
        let damage = format!(
            "INSERT INTO trust VALUES ('x', 'trusted', 'client', {der}, '', 0, 0, 0, NULL)"
        );
        fixture.execute(&damage).await.unwrap();
        assert_eq!(
            operator.trust_add(new.clone()).await.unwrap(),
            TrustAdded::Added
        );
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Err(Refusal::Unknown)
        );
        let repair = "DELETE FROM trust WHERE fingerprint = 'x'";
        fixture.execute(repair).await.unwrap();
        fixture.registry.refresh().await.unwrap();
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Client)
        );
    })
    .await;
}

#[tokio::test]
async fn ambiguous_or_unknown_prefix_is_refused() {
    on_every_backend(async |fixture| {
        let operator = fixture.operator();
        let (one, two) = (
            certificate(0xa1, Role::Client),
            certificate(0xa2, Role::Client),
        );
        operator.trust_add(one.clone()).await.unwrap();
        operator.trust_add(two.clone()).await.unwrap();

        let none = refused(operator.trust_remove(&prefix("b")).await).to_string();
        assert!(none.contains("begins with b"), "{none}");
        let several = refused(operator.trust_revoke(&prefix("a")).await).to_string();
        for candidate in [one.fingerprint, two.fingerprint] {
            assert!(several.contains(&candidate.to_string()), "{several}");
        }
        let found = operator.trust_remove(&prefix("A2")).await.unwrap();
        assert_eq!(found.fingerprint, two.fingerprint);
        assert_eq!(operator.trust_list(false).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn validity_is_checked_with_every_request() {
    on_every_backend(async |fixture| {
        let new = certificate(0xaa, Role::Client);
        fixture.operator().trust_add(new.clone()).await.unwrap();
        let role = || fixture.registry.role_of(Some(&new.fingerprint));
        fixture.clock.advance(SignedDuration::from_hours(-24 * 40));
        assert_eq!(role(), Err(Refusal::NotYetValid));
        fixture.clock.advance(SignedDuration::from_hours(24 * 40));
        assert_eq!(role(), Ok(Role::Client));
        fixture.clock.advance(SignedDuration::from_hours(24 * 365));
        assert_eq!(role(), Err(Refusal::Expired));
        // Revoked goes before expired: it is what will not change.
        fixture
            .operator()
            .trust_revoke(&prefix("aa"))
            .await
            .unwrap();
        assert_eq!(role(), Err(Refusal::Revoked));
    })
    .await;
}

#[tokio::test]
async fn trust_is_withdrawn_without_storage_and_delivered_later() {
    on_every_backend(async |mut fixture| {
        let [removed, revoked] = [0xaa, 0xbb].map(|first| certificate(first, Role::Publisher));
        let operator = fixture.operator();
        for one in [&removed, &revoked] {
            operator.trust_add(one.clone()).await.unwrap();
        }
        let records = fixture.operator().records().await;
        assert_eq!(records.list(false).await.unwrap().len(), 2);
        assert_eq!(
            records.find(&prefix("aa")).await.unwrap().fingerprint,
            removed.fingerprint
        );
        records
            .withdraw(&removed.fingerprint, Withdrawal::Remove)
            .await
            .unwrap();
        let entry = records
            .withdraw(&revoked.fingerprint, Withdrawal::Revoke)
            .await
            .unwrap();
        assert_eq!(entry.revoked_at, Some(fixture.now()));
        assert_eq!(records.list(true).await.unwrap(), [entry]);
        let again = records
            .withdraw(&revoked.fingerprint, Withdrawal::Remove)
            .await;
        assert!(matches!(refused(again), Error::CertificateRevoked { .. }));
        records.close().await;

        fixture.registry.refresh().await.unwrap();
        assert_eq!(
            fixture.registry.role_of(Some(&removed.fingerprint)),
            Err(Refusal::Unknown)
        );
        assert_eq!(
            fixture.registry.role_of(Some(&revoked.fingerprint)),
            Err(Refusal::Revoked)
        );
        assert!(!fixture.verify().await.is_sound());
        assert_eq!(operator.deliver_outbox().await.unwrap().len(), 2);
        assert_eq!(operator.deliver_outbox().await.unwrap(), [""; 0]);
        assert!(fixture.verify().await.is_sound());
        assert_eq!(
            fixture.audit_actions().await[..2],
            ["trust-revoke", "trust-remove"]
        );
        let report = fixture.rebuild().await;
        assert_eq!((report.trusted, report.revoked), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn certificate_trusted_again_before_the_delivery_stays_trusted() {
    on_every_backend(async |fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        operator.trust_add(new.clone()).await.unwrap();
        let records = fixture.operator().records().await;
        records
            .withdraw(&new.fingerprint, Withdrawal::Remove)
            .await
            .unwrap();
        records.close().await;
        assert_eq!(
            operator.trust_add(new.clone()).await.unwrap(),
            TrustAdded::Added
        );
        operator.deliver_outbox().await.unwrap();
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Client)
        );
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn trust_change_of_another_process_is_taken_over() {
    on_every_backend(async |fixture| {
        let (other, new) = (fixture.another().await, certificate(0xaa, Role::Client));
        let mut changes = fixture.registry.trust_changes();
        other.operator("cli").trust_add(new.clone()).await.unwrap();
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Err(Refusal::Unknown)
        );
        fixture.registry.refresh().await.unwrap();
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Client)
        );
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        fixture.registry.refresh().await.unwrap();
        assert!(!changes.has_changed().unwrap());
    })
    .await;
}

#[tokio::test]
async fn certificate_is_not_trusted_when_its_descriptor_cannot_be_read() {
    on_folders(async |fixture| {
        let (operator, new) = (fixture.operator(), certificate(0xaa, Role::Client));
        let key = format!("trust/{}.json", new.fingerprint);
        let obstruction = fixture.obstruct(&key);
        refused(operator.trust_add(new.clone()).await);
        assert_eq!(operator.trust_list(false).await.unwrap(), []);
        drop(obstruction);
        operator.trust_add(new.clone()).await.unwrap();
        assert_eq!(
            fixture.registry.role_of(Some(&new.fingerprint)),
            Ok(Role::Client)
        );
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn descriptor_that_cannot_be_written_does_not_keep_others_from_delivery() {
    on_folders(async |fixture| {
        let (operator, keys) = (fixture.operator(), [0xaa, 0xbb, 0xcc]);
        let records = operator.records().await;
        let mut revoked = Vec::new();
        for first in keys {
            let new = certificate(first, Role::Client);
            operator.trust_add(new.clone()).await.unwrap();
            records
                .withdraw(&new.fingerprint, Withdrawal::Revoke)
                .await
                .unwrap();
            revoked.push(new.fingerprint);
        }
        records.close().await;
        let key = |of| format!("trust/{}.json", revoked[of]);
        let obstruction = fixture.obstruct(&key(0));
        refused(operator.deliver_outbox().await);
        for others in [1, 2] {
            assert!(fixture.text(&key(others)).contains("revoked"));
        }
        drop(obstruction);
        assert_eq!(operator.deliver_outbox().await.unwrap(), [key(0)]);
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}
