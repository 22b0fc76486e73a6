use aar_registry::{Caller, Outcome, Refusal};
use aar_types::{Fingerprint, Role};

use crate::backend::{AMD64, Fixture, certificate, name, number, on_every_backend, put};

fn caller(fingerprint: Option<Fingerprint>) -> Caller<'static> {
    Caller {
        fingerprint,
        address: Some([192, 0, 2, 7].into()),
        method: "PUT",
        route: "/1.0/applications/{name}/{architecture}",
        path: "/1.0/applications/game/amd64",
    }
}

/// The callers, and whether each may read and write.
async fn personas(
    fixture: &Fixture,
) -> Vec<(Caller<'static>, Result<(), Refusal>, Result<(), Refusal>)> {
    let operator = fixture.operator();
    let all = [
        certificate(1, Role::Client),
        certificate(2, Role::Publisher),
        certificate(3, Role::Publisher),
        certificate(4, Role::Publisher),
    ];
    let [client, publisher, removed, revoked] = all.map(|one| (one.fingerprint, one));
    for (_, one) in [&client, &publisher, &removed, &revoked] {
        operator.trust_add(one.clone()).await.unwrap();
    }
    operator.trust_remove(&removed.0.into()).await.unwrap();
    operator.trust_revoke(&revoked.0.into()).await.unwrap();
    let mut expired = certificate(5, Role::Publisher);
    expired.not_after = expired.not_before;
    let mut early = certificate(6, Role::Publisher);
    early.not_before = early.not_after;
    for one in [&expired, &early] {
        operator.trust_add(one.clone()).await.unwrap();
    }
    let never = certificate(7, Role::Client).fingerprint;
    let less = Refusal::RoleInsufficient {
        has: Role::Client,
        needs: Role::Publisher,
    };
    let both = |refusal| (Err(refusal), Err(refusal));
    [
        (None, both(Refusal::NoCertificate)),
        (Some(never), both(Refusal::Unknown)),
        (Some(client.0), (Ok(()), Err(less))),
        (Some(publisher.0), (Ok(()), Ok(()))),
        (Some(removed.0), both(Refusal::Unknown)),
        (Some(revoked.0), both(Refusal::Revoked)),
        (Some(expired.fingerprint), both(Refusal::Expired)),
        (Some(early.fingerprint), both(Refusal::NotYetValid)),
    ]
    .map(|(fingerprint, (read, write))| (caller(fingerprint), read, write))
    .into()
}

#[tokio::test]
async fn no_way_round_authorisation_each_persona_gets_only_its_handles() {
    on_every_backend(async |fixture| {
        for (caller, read, write) in personas(&fixture).await {
            assert_eq!(
                fixture.registry.reader(&caller).map(drop),
                read,
                "{caller:?}"
            );
            assert_eq!(
                fixture.registry.publisher(&caller).map(drop),
                write,
                "{caller:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn every_refusal_is_recorded_with_caller_target_and_reason() {
    on_every_backend(async |mut fixture| {
        let personas = personas(&fixture).await;
        for (caller, _, _) in &personas {
            let _ = fixture.registry.publisher(caller);
        }
        fixture.restart().await;
        let log = fixture.log().await;
        let refusals = personas
            .into_iter()
            .filter_map(|(caller, _, write)| Some((caller, write.err()?)));
        let refusals: Vec<_> = refusals.collect();
        assert_eq!(refusals.len(), 7);
        for (caller, refusal) in refusals {
            let entry = log
                .iter()
                .find(|entry| {
                    entry.outcome == Outcome::Refused && entry.fingerprint == caller.fingerprint
                })
                .unwrap();
            assert_eq!(entry.action, "PUT /1.0/applications/{name}/{architecture}");
            assert_eq!(entry.target, "/1.0/applications/game/amd64");
            assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
            assert_eq!(entry.detail, refusal.to_string());
        }
    })
    .await;
}

#[tokio::test]
async fn refusals_cannot_fill_the_disk() {
    on_every_backend(async |mut fixture| {
        let route = "x".repeat(100_000);
        for n in 0..5000_u32 {
            let address = std::net::Ipv4Addr::from_bits(n);
            let caller = Caller {
                address: Some(address.into()),
                route: &route,
                path: &route,
                ..caller(None)
            };
            fixture.registry.reader(&caller).unwrap_err();
        }
        fixture.restart().await;
        let query = aar_registry::AuditQuery {
            limit: 100_000,
            ..Default::default()
        };
        let log = fixture.operator().audit(&query).await.unwrap();
        assert!((1..=200).contains(&log.len()), "{} entries", log.len());
        assert!(
            log.iter()
                .all(|entry| entry.action.len() <= 200 && entry.target.len() <= 200)
        );
    })
    .await;
}

#[tokio::test]
async fn mutation_is_recorded_with_certificate_role_and_address() {
    on_every_backend(async |fixture| {
        let new = certificate(2, Role::Publisher);
        fixture.operator().trust_add(new.clone()).await.unwrap();
        let image = fixture.store(b"image").await;
        let caller = caller(Some(new.fingerprint));
        let publisher = fixture.registry.publisher(&caller).unwrap();
        publisher
            .publish(&name("app"), AMD64, number(0), put(image))
            .await
            .unwrap();
        let log = fixture.log().await;
        assert_eq!(log[0].action, "publish");
        assert_eq!(log[0].fingerprint, Some(new.fingerprint));
        assert_eq!(log[0].role, Some(Role::Publisher));
        assert_eq!(log[0].address.as_deref(), Some("192.0.2.7"));
        assert_eq!(
            (log[0].operator.as_ref(), log[0].outcome),
            (None, Outcome::Done)
        );
    })
    .await;
}
