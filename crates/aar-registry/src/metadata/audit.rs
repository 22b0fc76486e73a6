use aar_types::{Fingerprint, Role};
use jiff::Timestamp;
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{from_name, micros, moment, name_of, number, parsed, unsigned},
};
use crate::{AuditEntry, AuditQuery, Error, Outcome};

/// A line of the audit log before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditRow {
    pub(crate) at: Timestamp,
    pub(crate) operator: Option<String>,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) role: Option<Role>,
    pub(crate) address: Option<String>,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
}

#[derive(FromRow)]
struct Raw {
    id: i64,
    at: i64,
    operator: Option<String>,
    fingerprint: Option<String>,
    role: Option<String>,
    address: Option<String>,
    action: String,
    target: String,
    outcome: String,
    detail: String,
}

impl Raw {
    fn read(self) -> Result<AuditEntry, Error> {
        let fingerprint = self.fingerprint.as_deref();
        let role = self.role.as_deref();
        Ok(AuditEntry {
            id: unsigned("audit.id", self.id)?,
            at: moment("audit.at", self.at)?,
            operator: self.operator,
            fingerprint: fingerprint
                .map(|text| parsed("audit.fingerprint", text))
                .transpose()?,
            role: role.map(|text| parsed("audit.role", text)).transpose()?,
            address: self.address,
            action: self.action,
            target: self.target,
            outcome: from_name("audit.outcome", self.outcome)?,
            detail: self.detail,
        })
    }
}

impl Reading {
    /// Entries of the audit log, newest first.
    pub(crate) async fn audit_entries(
        &mut self,
        query: &AuditQuery,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        let rows: Vec<Raw> = sql!(all
            self,
            "SELECT id, at, operator, fingerprint, role, address, action, target, outcome, detail \
             FROM audit WHERE id < $1 AND at >= $2 ORDER BY id DESC LIMIT $3",
            query.before.map_or(i64::MAX, number),
            query.since.map_or(i64::MIN, micros),
            i64::from(limit)
        )?;
        rows.into_iter().map(Raw::read).collect()
    }
}

impl Writing {
    pub(crate) async fn insert_audit(&mut self, row: &AuditRow) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO audit (at, operator, fingerprint, role, address, action, target, outcome, \
             detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            micros(row.at),
            row.operator.as_deref(),
            row.fingerprint.map(|fingerprint| fingerprint.to_string()),
            row.role.map(Role::as_str),
            row.address.as_deref(),
            row.action.as_str(),
            row.target.as_str(),
            name_of("audit.outcome", &row.outcome)?,
            row.detail.as_str()
        )?;
        Ok(())
    }
}
