//! The audit log: who did what, when, and with which outcome.
//!
//! Entries are written by the transaction that does what they tell of, and are never changed or
//! deleted; the database itself refuses that.

use std::net::IpAddr;

use aar_types::{Fingerprint, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Operator, metadata::AuditRow};

/// How many entries an answer has where nobody says.
const DEFAULT_LIMIT: u32 = 100;

/// Whoever does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Somebody over the network, with a role where one is known.
    Caller {
        fingerprint: Option<Fingerprint>,
        role: Option<Role>,
        address: Option<IpAddr>,
    },
    /// A program on the registry's own machine.
    Operator(String),
}

impl Actor {
    /// By what it is told from others.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Operator(name) => name.clone(),
            Self::Caller { fingerprint, .. } => fingerprint
                .map(|fingerprint| fingerprint.to_string())
                .unwrap_or_default(),
        }
    }

    /// An entry about something that this actor did or wanted to do.
    pub(crate) fn entry(
        &self,
        at: Timestamp,
        action: &str,
        target: String,
        outcome: Outcome,
        detail: String,
    ) -> AuditRow {
        let (operator, fingerprint, role, address) = match self {
            Self::Operator(name) => (Some(name.clone()), None, None, None),
            Self::Caller {
                fingerprint,
                role,
                address,
            } => (None, *fingerprint, *role, *address),
        };
        let address = address.map(|address| address.to_string());
        AuditRow {
            at,
            operator,
            fingerprint,
            role,
            address,
            action: action.to_owned(),
            target,
            outcome,
            detail,
        }
    }
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed.
    Refused,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; later entries have higher ones.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The operator who did it; absent where it came over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The certificate of whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The role of that certificate at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done or asked for.
    pub action: String,
    /// To what.
    pub target: String,
    /// How it ended.
    pub outcome: Outcome,
    /// More about it; for a refusal the reason.
    pub detail: String,
}

/// Which part of the audit log to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only entries older than this one.
    pub before: Option<u64>,
    /// Only entries of this moment and later.
    pub since: Option<Timestamp>,
    /// How many; 0 for a hundred.
    pub limit: u32,
}

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
