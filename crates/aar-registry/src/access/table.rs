use std::collections::HashMap;

use aar_types::{Fingerprint, Role, TrustState};
use jiff::Timestamp;

use super::Refusal;
use crate::metadata::{TrustRow, TrustedCertificate};

/// All certificates that the registry knows, as of one moment.
#[derive(Debug, Default)]
pub struct TrustTable {
    revision: u64,
    certificates: HashMap<Fingerprint, TrustedCertificate>,
}

impl TrustTable {
    pub(crate) fn new(revision: u64, rows: Vec<TrustRow>) -> Self {
        let certificates = rows.into_iter().map(|row| row.certificate);
        Self {
            revision,
            certificates: certificates.map(|one| (one.fingerprint, one)).collect(),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&TrustedCertificate> {
        self.certificates.get(fingerprint)
    }

    /// Whether a certificate is known and not revoked. Connections with any other certificate are closed.
    pub fn is_trusted(&self, fingerprint: &Fingerprint) -> bool {
        self.get(fingerprint)
            .is_some_and(|known| known.state == TrustState::Trusted)
    }

    pub(crate) fn is_revoked(&self, fingerprint: &Fingerprint) -> bool {
        self.get(fingerprint)
            .is_some_and(|known| known.state == TrustState::Revoked)
    }

    /// In no order.
    pub fn certificates(&self) -> impl Iterator<Item = &TrustedCertificate> {
        self.certificates.values()
    }

    pub fn role(&self, fingerprint: &Fingerprint, now: Timestamp) -> Result<Role, Refusal> {
        let known = self.get(fingerprint).ok_or(Refusal::Unknown)?;
        if known.state == TrustState::Revoked {
            Err(Refusal::Revoked)
        } else if now < known.not_before {
            Err(Refusal::NotYetValid)
        } else if now > known.not_after {
            Err(Refusal::Expired)
        } else {
            Ok(known.role)
        }
    }
}
