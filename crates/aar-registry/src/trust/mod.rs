//! Who is trusted.
//!
//! The [table](TrustTable) is replaced as a whole when trust changes, before the change is
//! reported: the next request is already decided by it. A certificate that was revoked stays in
//! the table for ever and can never be trusted again. The storage knows of it too, and reminds a
//! database that was restored from an older copy.

mod records;
mod revocations;
mod table;

use aar_types::{Fingerprint, FingerprintPrefix, Role, TrustState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Operator,
    blobs::Key,
    descriptor::CertificateDescriptor,
    metadata::{Reading, TrustRow},
    mutation::Mutation,
};

pub use records::{TrustRecords, Withdrawal};
pub(crate) use revocations::take_over;
pub use table::TrustTable;

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

impl Operator {
    /// Trusts a certificate from now on. One that was revoked is refused.
    pub async fn trust_add(&self, new: NewTrust) -> Result<TrustAdded, Error> {
        self.registry
            .mutate(&self.actor, |change| Box::pin(add(change, new)))
            .await
    }

    /// The trusted certificates, or the revoked ones, oldest first.
    pub async fn trust_list(&self, revoked: bool) -> Result<Vec<TrustedCertificate>, Error> {
        let known = certificates(&mut self.registry.metadata().read().await?).await?;
        Ok(in_state(known, revoked))
    }

    /// Forgets a trusted certificate. It can be added again.
    pub async fn trust_remove(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        let prefix = prefix.clone();
        self.registry
            .mutate(&self.actor, |change| Box::pin(remove(change, prefix)))
            .await
    }

    /// Revokes a certificate for ever. Revoking it again changes nothing.
    pub async fn trust_revoke(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        let prefix = prefix.clone();
        self.registry
            .mutate(&self.actor, |change| Box::pin(revoke(change, prefix)))
            .await
    }
}

async fn add(change: &mut Mutation, new: NewTrust) -> Result<TrustAdded, Error> {
    let known = change.tx.certificate(&new.fingerprint).await?;
    let added = match known.as_ref().map(|row| &row.certificate) {
        Some(known) if known.state == TrustState::Revoked => {
            return Err(Error::CertificateRevoked {
                fingerprint: new.fingerprint,
            });
        }
        Some(known) if known.role == new.role => return Ok(TrustAdded::AlreadyTrusted),
        Some(known) => TrustAdded::RoleChanged { from: known.role },
        None => TrustAdded::Added,
    };
    let role = new.role;
    let row = match known {
        Some(mut row) => {
            row.certificate.role = role;
            row
        }
        None => trusted(new, change.at),
    };
    put(change, row, "trust-add", format!("as {role}")).await?;
    Ok(added)
}

async fn remove(
    change: &mut Mutation,
    prefix: FingerprintPrefix,
) -> Result<TrustedCertificate, Error> {
    let known = the_one(certificates(&mut change.tx).await?, &prefix)?;
    let fingerprint = known.fingerprint;
    check_removable(&known)?;
    change.forget(Key::Certificate(fingerprint)).await?;
    change.tx.delete_certificate(&fingerprint).await?;
    change.trust_changed().await?;
    let detail = format!("was {}", known.role);
    change
        .record("trust-remove", fingerprint.to_string(), detail)
        .await?;
    Ok(known)
}

async fn revoke(
    change: &mut Mutation,
    prefix: FingerprintPrefix,
) -> Result<TrustedCertificate, Error> {
    let known = the_one(certificates(&mut change.tx).await?, &prefix)?;
    if known.state == TrustState::Revoked {
        return Ok(known);
    }
    let Some(row) = change.tx.certificate(&known.fingerprint).await? else {
        return Err(Error::CertificateNotFound { prefix });
    };
    let row = revoked(row, change.at);
    let certificate = row.certificate.clone();
    put(change, row, "trust-revoke", format!("was {}", known.role)).await?;
    Ok(certificate)
}

/// Revoked is for ever: what is revoked is not forgotten.
fn check_removable(known: &TrustedCertificate) -> Result<(), Error> {
    let fingerprint = known.fingerprint;
    match known.state {
        TrustState::Trusted => Ok(()),
        TrustState::Revoked => Err(Error::CertificateRevoked { fingerprint }),
    }
}

fn revoked(mut row: TrustRow, at: Timestamp) -> TrustRow {
    row.certificate.state = TrustState::Revoked;
    row.certificate.revoked_at = Some(at);
    row
}

/// Commits what is known of a certificate, to the table and to the storage.
async fn put(
    change: &mut Mutation,
    row: TrustRow,
    action: &str,
    detail: String,
) -> Result<(), Error> {
    let fingerprint = row.certificate.fingerprint;
    change.tx.put_certificate(&row).await?;
    let descriptor = CertificateDescriptor::from(row);
    change
        .describe(Key::Certificate(fingerprint), &descriptor)
        .await?;
    change.trust_changed().await?;
    change.record(action, fingerprint.to_string(), detail).await
}

fn trusted(new: NewTrust, at: Timestamp) -> TrustRow {
    let certificate = TrustedCertificate {
        fingerprint: new.fingerprint,
        state: TrustState::Trusted,
        role: new.role,
        subject: new.subject,
        not_before: new.not_before,
        not_after: new.not_after,
        added_at: at,
        revoked_at: None,
    };
    TrustRow {
        certificate,
        der: new.der,
    }
}

async fn certificates(tx: &mut Reading) -> Result<Vec<TrustedCertificate>, Error> {
    let rows = tx.certificates().await?;
    Ok(rows.into_iter().map(|row| row.certificate).collect())
}

fn in_state(known: Vec<TrustedCertificate>, revoked: bool) -> Vec<TrustedCertificate> {
    let is_wanted = |one: &TrustedCertificate| (one.state == TrustState::Revoked) == revoked;
    known.into_iter().filter(is_wanted).collect()
}

/// The one certificate that a prefix means. Several are refused even when only one of them could
/// be meant: a certificate is too much to guess at.
fn the_one(
    known: Vec<TrustedCertificate>,
    prefix: &FingerprintPrefix,
) -> Result<TrustedCertificate, Error> {
    let mut found: Vec<_> = known
        .into_iter()
        .filter(|one| prefix.matches(&one.fingerprint))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(Error::CertificateNotFound {
            prefix: prefix.clone(),
        }),
        (Some(last), false) => Err(Error::CertificateAmbiguous {
            prefix: prefix.clone(),
            candidates: found
                .iter()
                .chain([&last])
                .map(|one| one.fingerprint)
                .collect(),
        }),
    }
}
