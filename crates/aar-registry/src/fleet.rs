//! The sites: what each reported last, and what follows from it now.

use std::collections::HashMap;

use aar_tls::common_name_of;
use aar_types::{
    ApplicationInFleet, ApplicationName, Fingerprint, Fleet, PublishedVersion, Revision, Site,
    SiteMode, SiteReport, SiteState, TrustState, VersionInFleet,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Error, Publisher, Reader, TrustedCertificate,
    actor::Actor,
    metadata::{SiteReportRow, VariantRow},
};

/// The time after which the last report of a site says nothing about it any more.
const SILENCE: SignedDuration = SignedDuration::from_mins(3);

impl Reader {
    /// Replaces the report of the caller, which has passed its check. A command of the host is no site.
    pub async fn report_site(&self, report: SiteReport) -> Result<(), Error> {
        let Actor::Caller {
            fingerprint: Some(fingerprint),
            ..
        } = self.actor
        else {
            return Ok(());
        };
        let registry = &self.registry;
        if !registry.inner.report_pace.admits(fingerprint) {
            return Err(Error::ReportTooSoon);
        }
        let received_at = registry.now();
        let mut tx = registry.metadata().write().await?;
        let last = tx.site_report(&fingerprint).await?;
        let last = last.filter(|last| is_same_state(&last.report, &report));
        let since = last.map_or(received_at, |last| last.since);
        tx.put_site_report(&SiteReportRow {
            fingerprint,
            received_at,
            since,
            report,
        })
        .await?;
        tx.commit().await
    }
}

impl Publisher {
    /// The sites whose certificates are trusted now, by name.
    pub async fn fleet(&self) -> Result<Fleet, Error> {
        let registry = &self.registry;
        let mut tx = registry.metadata().read().await?;
        let (revision, rows) = (tx.revision().await?, tx.site_reports().await?);
        let mut rows: HashMap<Fingerprint, SiteReportRow> =
            rows.into_iter().map(|row| (row.fingerprint, row)).collect();
        let (now, trust) = (registry.now(), registry.trust());
        let trusted = trust.certificates();
        let trusted = trusted.filter(|known| known.state == TrustState::Trusted);
        let sites =
            trusted.map(|known| site(known, rows.remove(&known.fingerprint), revision, now));
        let mut sites: Vec<_> = sites.collect();
        sites.sort_by(|a, b| (&a.name, a.fingerprint).cmp(&(&b.name, b.fingerprint)));
        Ok(Fleet { revision, sites })
    }
}

impl Publisher {
    /// The published versions of an application at all sites; `None` if it does not exist.
    pub async fn application_in_fleet(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<ApplicationInFleet>, Error> {
        let Fleet { revision, sites } = self.fleet().await?;
        let mut tx = self.registry.metadata().read().await?;
        let variants = tx.variants_of(name).await?;
        if variants.is_empty() {
            return Ok(None);
        }
        let mut versions = Vec::new();
        for VariantRow { key, metadata, .. } in variants {
            let rows = tx.versions_of(&key).await?.into_iter();
            for row in rows.filter(|row| row.version.published) {
                let published = PublishedVersion {
                    application: name,
                    tags: &metadata.tags,
                    architecture: key.architecture,
                    number: row.version.number,
                    revision: row.revision,
                };
                versions.push(VersionInFleet {
                    architecture: key.architecture,
                    number: row.version.number,
                    sites: sites.iter().map(|site| site.version(&published)).collect(),
                });
            }
        }
        Ok(Some(ApplicationInFleet {
            name: name.clone(),
            revision,
            versions,
        }))
    }
}

/// The name by which operators know a site: the common name of its certificate. A report cannot change it.
fn name(known: &TrustedCertificate) -> String {
    let common = common_name_of(&known.subject).filter(|name| !name.is_empty());
    common.unwrap_or_else(|| known.fingerprint.to_string())
}

fn site(
    known: &TrustedCertificate,
    row: Option<SiteReportRow>,
    revision: Revision,
    now: Timestamp,
) -> Site {
    let state = row.as_ref().map_or(SiteState::Unknown, |row| {
        state(row, revision, now.duration_since(row.received_at))
    });
    let is_heard_of = !matches!(state, SiteState::Silent | SiteState::Unknown);
    let follows = row.as_ref().filter(|row| row.report.mode == SiteMode::Pull);
    let applied = follows.and_then(|row| row.report.applied_revision);
    let behind = applied.map(|applied| revision.0.saturating_sub(applied.0));
    Site {
        name: name(known),
        fingerprint: known.fingerprint,
        role: known.role,
        state,
        behind: behind.filter(|_| is_heard_of),
        since: row.as_ref().map(|row| match state {
            SiteState::Silent => row.received_at,
            _ => row.since,
        }),
        last_seen: row.as_ref().map(|row| row.received_at),
        report: row.map(|row| row.report),
    }
}

fn state(row: &SiteReportRow, revision: Revision, age: SignedDuration) -> SiteState {
    if age > SILENCE {
        SiteState::Silent
    } else if row.report.failing() > 0 {
        SiteState::Failing
    } else {
        match row.report.mode {
            SiteMode::Manual => SiteState::Manual,
            SiteMode::Pull if row.report.applied_revision < Some(revision) => SiteState::Behind,
            SiteMode::Push if row.report.is_behind() => SiteState::Behind,
            SiteMode::Pull | SiteMode::Push => SiteState::InStep,
        }
    }
}

/// Whether a site has neither recovered nor failed between two reports.
fn is_same_state(last: &SiteReport, next: &SiteReport) -> bool {
    let state = |report: &SiteReport| (report.mode, report.failing() > 0, report.is_behind());
    state(last) == state(next)
}
