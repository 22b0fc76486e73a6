use aar_types::{Fingerprint, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{from_name, micros, moment, name_of, number, parsed, unsigned},
};
use crate::Error;

/// The outcome of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    Refused,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Grows with every entry.
    pub id: u64,
    pub at: Timestamp,
    /// The operator who acted; absent for an action over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The certificate of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The role of that certificate at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The address of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub action: String,
    pub target: String,
    pub outcome: Outcome,
    /// For a refusal: the reason.
    pub detail: String,
}

/// A selection of entries of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only entries older than this one.
    pub before: Option<u64>,
    /// Only entries of this moment and later.
    pub since: Option<Timestamp>,
    /// The maximum number of entries; 0 stands for 100.
    pub limit: u32,
}

/// An entry of the audit log that has no number yet.
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
struct AuditRecord {
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

impl AuditRecord {
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
    /// Newest first.
    pub(crate) async fn audit_entries(
        &mut self,
        query: &AuditQuery,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        let rows: Vec<AuditRecord> = sql!(all
            self,
            "SELECT id, at, operator, fingerprint, role, address, action, target, outcome, detail \
             FROM audit WHERE id < $1 AND at >= $2 ORDER BY id DESC LIMIT $3",
            query.before.map_or(i64::MAX, number),
            query.since.map_or(i64::MIN, micros),
            i64::from(limit)
        )?;
        rows.into_iter().map(AuditRecord::read).collect()
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
