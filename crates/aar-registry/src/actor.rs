use std::net::IpAddr;

use aar_types::{Fingerprint, Role};
use jiff::Timestamp;

use crate::metadata::{AuditRow, Outcome};

/// The author of an action, as the audit log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A caller over the network.
    Caller {
        fingerprint: Option<Fingerprint>,
        role: Option<Role>,
        address: Option<IpAddr>,
    },
    /// A program on the host of the registry.
    Operator(String),
}

impl Actor {
    /// The owner of uploads that this actor creates.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Operator(name) => name.clone(),
            Self::Caller { fingerprint, .. } => fingerprint
                .map(|fingerprint| fingerprint.to_string())
                .unwrap_or_default(),
        }
    }

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
