use aar_types::{Fingerprint, SiteReport};
use jiff::Timestamp;
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{from_json, json, micros, moment, parsed},
};
use crate::Error;

/// The last report of a site.
#[derive(Debug, Clone)]
pub(crate) struct SiteReportRow {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) received_at: Timestamp,
    /// Since when the site is in the state of the report.
    pub(crate) since: Timestamp,
    pub(crate) report: SiteReport,
}

#[derive(FromRow)]
struct SiteReportRecord {
    fingerprint: String,
    received_at: i64,
    since: i64,
    report: String,
}

impl SiteReportRecord {
    fn read(self) -> Result<SiteReportRow, Error> {
        Ok(SiteReportRow {
            fingerprint: parsed("site_reports.fingerprint", &self.fingerprint)?,
            received_at: moment("site_reports.received_at", self.received_at)?,
            since: moment("site_reports.since", self.since)?,
            report: from_json("site_reports.report", &self.report)?,
        })
    }
}

impl Reading {
    pub(crate) async fn site_reports(&mut self) -> Result<Vec<SiteReportRow>, Error> {
        let rows: Vec<SiteReportRecord> = sql!(all
            self,
            "SELECT fingerprint, received_at, since, report FROM site_reports"
        )?;
        rows.into_iter().map(SiteReportRecord::read).collect()
    }

    pub(crate) async fn site_report(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<SiteReportRow>, Error> {
        let row: Option<SiteReportRecord> = sql!(optional
            self,
            "SELECT fingerprint, received_at, since, report FROM site_reports \
             WHERE fingerprint = $1",
            fingerprint.to_string()
        )?;
        row.map(SiteReportRecord::read).transpose()
    }
}

impl Writing {
    /// Inserts or replaces the report of a site.
    pub(crate) async fn put_site_report(&mut self, row: &SiteReportRow) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO site_reports (fingerprint, received_at, since, report) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (fingerprint) DO UPDATE SET \
             received_at = excluded.received_at, since = excluded.since, \
             report = excluded.report",
            row.fingerprint.to_string(),
            micros(row.received_at),
            micros(row.since),
            json("site_reports.report", &row.report)?
        )?;
        Ok(())
    }

    pub(crate) async fn delete_site_report(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM site_reports WHERE fingerprint = $1",
            fingerprint.to_string()
        )?;
        Ok(())
    }
}
