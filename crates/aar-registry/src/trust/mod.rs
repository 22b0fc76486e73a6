//! Who is trusted.
//!
//! The [table](TrustTable) is replaced as a whole when trust changes, before the change is
//! reported: the next request is already decided by it. A certificate that was revoked stays in
//! the table for ever and can never be trusted again. The storage knows of it too, and reminds a
//! database that was restored from an older copy.
//!
//! Trust is given in database and storage at once. It is [withdrawn](TrustRecords) in the database
//! first, and the storage [learns of it](Operator::settle_trust) as soon as it can.

mod records;
mod revocations;
mod settle;
mod table;

use aar_types::{Fingerprint, Role, TrustState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Operator, descriptor::CertificateDescriptor, metadata::TrustRow, mutation::Mutation,
    storage::ObjectKey,
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
        .describe(ObjectKey::Certificate(fingerprint), &descriptor)
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
