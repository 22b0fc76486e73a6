use aar_registry::{Caller, Error, Reader};
use aar_types::{
    Architecture, ExceptionState, Fingerprint, Revision, Role, Site, SiteException, SiteMode,
    SiteReport, SiteState,
};
use jiff::SignedDuration;

use crate::backend::{Fixture, certificate, name, on_every_backend, refused};

fn report(applied: u64) -> SiteReport {
    SiteReport {
        name: "a name of its own".to_owned(),
        software_version: "1.0".to_owned(),
        architecture: Architecture::Arm64,
        mode: SiteMode::Pull,
        filter: Vec::new(),
        revision: Some(Revision(applied)),
        applied_revision: Some(Revision(applied)),
        exceptions: Vec::new(),
        more_exceptions: 0,
        free_bytes: None,
    }
}

fn exception(state: ExceptionState) -> SiteException {
    SiteException {
        application: name("app"),
        version: None,
        state,
        reason: "no space left".to_owned(),
        bytes: None,
        total: None,
    }
}

/// A trusted site, which may report.
async fn site(fixture: &Fixture, first: u8) -> (Fingerprint, Reader) {
    let new = certificate(first, Role::Client);
    let fingerprint = new.fingerprint;
    fixture.operator().trust_add(new).await.unwrap();
    let caller = Caller {
        fingerprint: Some(fingerprint),
        address: None,
        method: "PUT",
        route: "/1.0/clients/self",
        path: "/1.0/clients/self",
    };
    (fingerprint, fixture.registry.reader(&caller).unwrap())
}

/// Reports when the site may report again.
async fn send(site: &Reader, report: SiteReport) {
    loop {
        match site.report_site(report.clone()).await {
            Err(Error::ReportTooSoon) => tokio::task::yield_now().await,
            sent => return sent.unwrap(),
        }
    }
}

async fn shown(fixture: &Fixture, fingerprint: Fingerprint) -> Option<Site> {
    let fleet = fixture.operator().fleet().await.unwrap();
    let mut sites = fleet.sites.into_iter();
    sites.find(|site| site.fingerprint == fingerprint)
}

#[tokio::test]
async fn site_is_in_step_only_with_the_present_revision_and_silent_after_three_minutes() {
    on_every_backend(async |fixture| {
        let (fingerprint, client) = site(&fixture, 0xaa).await;
        let never = shown(&fixture, fingerprint).await.unwrap();
        assert_eq!((never.state, never.last_seen), (SiteState::Unknown, None));

        let state = async || shown(&fixture, fingerprint).await.unwrap();
        send(&client, report(0)).await;
        assert_eq!(state().await.state, SiteState::InStep);
        fixture.publish("app", 0, b"image").await;
        let revision = fixture.revision().await.0;
        let behind = state().await;
        assert_eq!(
            (behind.state, behind.behind),
            (SiteState::Behind, Some(revision))
        );
        send(&client, report(revision)).await;
        assert_eq!(state().await.state, SiteState::InStep);

        fixture.clock.advance(SignedDuration::from_secs(3 * 60));
        assert_eq!(state().await.state, SiteState::InStep);
        fixture.clock.advance(SignedDuration::from_secs(1));
        let silent = state().await;
        assert_eq!((silent.state, silent.behind), (SiteState::Silent, None));
        assert_eq!(silent.since, silent.last_seen);
    })
    .await;
}

#[tokio::test]
async fn failing_site_is_shown_with_its_reason_since_it_began_to_fail() {
    on_every_backend(async |fixture| {
        let (fingerprint, client) = site(&fixture, 0xaa).await;
        let failing = SiteReport {
            exceptions: vec![exception(ExceptionState::Failed)],
            ..report(0)
        };
        send(&client, failing.clone()).await;
        let began = fixture.now();
        fixture.clock.advance(SignedDuration::from_mins(1));
        send(&client, failing).await;
        let site = shown(&fixture, fingerprint).await.unwrap();
        assert_eq!((site.state, site.since), (SiteState::Failing, Some(began)));
        let report = site.report.unwrap();
        assert_eq!(report.exceptions[0].reason, "no space left");

        let held = vec![exception(ExceptionState::Pending)];
        send(
            &client,
            SiteReport {
                exceptions: held,
                ..report.clone()
            },
        )
        .await;
        let site = shown(&fixture, fingerprint).await.unwrap();
        assert_eq!(site.since, Some(fixture.now()));
        assert_ne!(site.state, SiteState::Failing);
    })
    .await;
}

#[tokio::test]
async fn report_changes_only_its_own_site_and_neither_audit_nor_feed() {
    on_every_backend(async |fixture| {
        let (first, client) = site(&fixture, 0xaa).await;
        let (second, other) = site(&fixture, 0xbb).await;
        send(&other, report(7)).await;
        let (actions, revision) = (fixture.audit_actions().await, fixture.revision().await);
        let before = shown(&fixture, second).await;
        send(&client, report(3)).await;
        assert_eq!(shown(&fixture, second).await, before);
        assert_ne!(
            shown(&fixture, first).await.unwrap().name,
            "a name of its own"
        );
        assert_eq!(fixture.audit_actions().await, actions);
        assert_eq!(fixture.revision().await, revision);
    })
    .await;
}

#[tokio::test]
async fn revoked_or_removed_site_is_gone_at_once_with_its_report() {
    on_every_backend(async |fixture| {
        for (first, revoke) in [(0xaa, true), (0xbb, false)] {
            let (fingerprint, client) = site(&fixture, first).await;
            send(&client, report(0)).await;
            assert!(shown(&fixture, fingerprint).await.is_some());
            let operator = fixture.operator();
            if revoke {
                operator.trust_revoke(&fingerprint.into()).await.unwrap();
                assert_eq!(shown(&fixture, fingerprint).await, None);
            } else {
                operator.trust_remove(&fingerprint.into()).await.unwrap();
                assert_eq!(shown(&fixture, fingerprint).await, None);
                let (_, _client) = site(&fixture, first).await;
                let again = shown(&fixture, fingerprint).await.unwrap();
                assert_eq!(again.state, SiteState::Unknown);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn site_that_reports_without_a_pause_is_refused() {
    on_every_backend(async |fixture| {
        let (_, client) = site(&fixture, 0xaa).await;
        let (_, other) = site(&fixture, 0xbb).await;
        let mut refusal = None;
        for _ in 0..1000 {
            if let Err(error) = client.report_site(report(0)).await {
                refusal = Some(error);
                break;
            }
        }
        let refusal = refused(refusal.map_or(Ok(()), Err));
        assert!(matches!(refusal, Error::ReportTooSoon), "{refusal}");
        other.report_site(report(0)).await.unwrap();
    })
    .await;
}
