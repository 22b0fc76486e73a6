use std::collections::HashMap;

use aar_types::{Fingerprint, FingerprintPrefix, Role, TrustState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Operator};

/// A certificate that is to be trusted, as its reader understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTrust {
    /// The SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    /// Its DER form.
    pub der: Vec<u8>,
    /// What it may do.
    pub role: Role,
    /// Whom it names.
    pub subject: String,
    /// The beginning of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
}

/// What became of a certificate that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustAdded {
    /// It is trusted now.
    Added,
    /// It was trusted already, with this role.
    AlreadyTrusted,
    /// It was trusted already and has another role now.
    RoleChanged {
        /// The role it had.
        from: Role,
    },
}

/// A certificate that the registry knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedCertificate {
    /// The SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    /// Whether it is trusted or revoked.
    pub state: TrustState,
    /// What it may do, or could do before it was revoked.
    pub role: Role,
    /// Whom it names.
    pub subject: String,
    /// The beginning of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Every certificate that the registry knows, as of one moment.
#[derive(Debug, Default)]
pub struct TrustTable {
    certificates: HashMap<Fingerprint, TrustedCertificate>,
}

impl TrustTable {
    /// What is known of a certificate.
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&TrustedCertificate> {
        self.certificates.get(fingerprint)
    }

    /// Whether a certificate is known and not revoked. Open connections of others are to be cut.
    pub fn is_trusted(&self, fingerprint: &Fingerprint) -> bool {
        self.get(fingerprint)
            .is_some_and(|known| known.state == TrustState::Trusted)
    }

    /// Every certificate, in no order.
    pub fn certificates(&self) -> impl Iterator<Item = &TrustedCertificate> {
        self.certificates.values()
    }
}

impl Operator {
    /// Trusts a certificate from now on. One that was revoked is refused.
    pub async fn trust_add(&self, new: NewTrust) -> Result<TrustAdded, Error> {
        let _ = new;
        todo!()
    }

    /// The trusted certificates, or the revoked ones, oldest first.
    pub async fn trust_list(&self, revoked: bool) -> Result<Vec<TrustedCertificate>, Error> {
        let _ = revoked;
        todo!()
    }

    /// Finds the one certificate whose fingerprint begins like this, trusted or revoked.
    pub async fn trust_find(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        let _ = prefix;
        todo!()
    }

    /// Forgets a trusted certificate. It can be added again.
    pub async fn trust_remove(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        let _ = prefix;
        todo!()
    }

    /// Revokes a certificate for ever. Revoking it again changes nothing.
    pub async fn trust_revoke(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        let _ = prefix;
        todo!()
    }
}
