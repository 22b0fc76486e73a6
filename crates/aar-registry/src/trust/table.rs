//! Who is trusted, as it is kept in memory.

use std::collections::HashMap;

use aar_types::{Fingerprint, Role, TrustState};
use jiff::Timestamp;

use super::TrustedCertificate;
use crate::{Refusal, metadata::TrustRow};

/// Every certificate that the registry knows, as of one moment.
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

    /// What is known of a certificate.
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&TrustedCertificate> {
        self.certificates.get(fingerprint)
    }

    /// Whether a certificate is known and not revoked. Open connections of others are to be cut.
    pub fn is_trusted(&self, fingerprint: &Fingerprint) -> bool {
        self.get(fingerprint)
            .is_some_and(|known| known.state == TrustState::Trusted)
    }

    /// Whether a certificate can never be trusted again.
    pub(crate) fn is_revoked(&self, fingerprint: &Fingerprint) -> bool {
        self.get(fingerprint)
            .is_some_and(|known| known.state == TrustState::Revoked)
    }

    /// Every certificate, in no order.
    pub fn certificates(&self) -> impl Iterator<Item = &TrustedCertificate> {
        self.certificates.values()
    }

    /// The role of a certificate at a moment.
    pub fn standing(&self, fingerprint: &Fingerprint, now: Timestamp) -> Result<Role, Refusal> {
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
