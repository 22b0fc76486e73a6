//! The audit log: actor, action, time and outcome.
//!
//! The transaction that makes a change also writes its entry. Entries are never changed or deleted; the
//! database refuses that.

use crate::{AuditEntry, AuditQuery, Error, Operator};

const DEFAULT_LIMIT: u32 = 100;

impl Operator {
    /// Entries of the audit log, newest first.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, Error> {
        let limit = match query.limit {
            0 => DEFAULT_LIMIT,
            limit => limit,
        };
        let mut tx = self.registry.metadata().read().await?;
        tx.audit_entries(query, limit).await
    }
}
