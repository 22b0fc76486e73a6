//! Trust in certificates.
//!
//! The [table](crate::TrustTable) is replaced before a change of trust is reported, so the new table decides
//! the next request. A revoked certificate stays in the table and can never be trusted again.
//!
//! Certificates are added by an [`Operator`] and withdrawn through [`TrustRecords`], which needs no storage:
//! trust can be withdrawn even while storage is unreachable.

mod imports;
mod records;
mod revocations;

use aar_types::{Fingerprint, Role, TrustState};
use jiff::Timestamp;

use crate::{
    Error, Operator, Registry, TrustedCertificate,
    metadata::TrustRow,
    mutation::{Mutation, Space},
    storage::ObjectKey,
};

pub use records::{TrustRecords, Withdrawal};

/// A certificate to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTrust {
    /// The SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    pub der: Vec<u8>,
    pub role: Role,
    pub subject: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// The outcome of adding a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustAdded {
    Added,
    /// It was trusted already, with this role.
    AlreadyTrusted,
    /// It was trusted already, with another role.
    RoleChanged {
        from: Role,
    },
}

impl Operator {
    /// Trusts a certificate from now on. A revoked certificate is refused.
    pub async fn trust_add(&self, new: NewTrust) -> Result<TrustAdded, Error> {
        let check = check_storage(self.registry.clone(), new.clone());
        self.registry
            .mutate_after(&self.actor, Space::Volume, check, |change| {
                Box::pin(add(change, new))
            })
            .await
    }
}

/// The database may be a copy from before a revocation.
async fn check_storage(registry: Registry, new: NewTrust) -> Result<(), Error> {
    let fingerprint = new.fingerprint;
    let mut tx = registry.metadata().read().await?;
    let known = tx.certificate(&fingerprint).await?;
    drop(tx);
    if check(known.as_ref(), &new)? == TrustAdded::AlreadyTrusted {
        return Ok(());
    }
    match registry.stored_revocation(fingerprint).await? {
        Some(_) => Err(Error::CertificateRevoked { fingerprint }),
        None => Ok(()),
    }
}

async fn add(change: &mut Mutation, new: NewTrust) -> Result<TrustAdded, Error> {
    let known = change.tx.certificate(&new.fingerprint).await?;
    let added = check(known.as_ref(), &new)?;
    if added == TrustAdded::AlreadyTrusted {
        change.await_delivery(&ObjectKey::Certificate(new.fingerprint));
        return Ok(added);
    }
    let role = new.role;
    let row = match known {
        Some(mut row) => {
            row.certificate.role = role;
            row
        }
        None => trusted(new, change.at),
    };
    change
        .put_certificate(row, "trust-add", format!("as {role}"))
        .await?;
    Ok(added)
}

/// The outcome of adding this certificate. A revoked certificate is refused.
fn check(known: Option<&TrustRow>, new: &NewTrust) -> Result<TrustAdded, Error> {
    match known {
        Some(row) if row.is_revoked() => Err(Error::CertificateRevoked {
            fingerprint: new.fingerprint,
        }),
        Some(row) if row.certificate.role == new.role => Ok(TrustAdded::AlreadyTrusted),
        Some(row) => Ok(TrustAdded::RoleChanged {
            from: row.certificate.role,
        }),
        None => Ok(TrustAdded::Added),
    }
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
