//! Decides whether a descriptor may be replaced.
//!
//! The database refuses to forget a revocation and to change the content of a version. A database that was
//! restored from an older copy has lost both, but its storage has not.

use aar_types::Fingerprint;

use super::{certificate, version};
use crate::{Error, keys::VersionKey, metadata::TrustRow, storage::ObjectKey};

/// Refuses to replace or delete a descriptor if a revoked certificate would be trusted again, or a version
/// would have other content.
pub(crate) fn check_replacement(
    key: &ObjectKey,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
) -> Result<(), Error> {
    match (key, before) {
        (ObjectKey::Certificate(fingerprint), Some(before)) => {
            stays_revoked(fingerprint, before, after)
        }
        (ObjectKey::Version(key), Some(before)) => keeps_its_content(key, before, after),
        _ => Ok(()),
    }
}

fn stays_revoked(
    fingerprint: &Fingerprint,
    before: &[u8],
    after: Option<&[u8]>,
) -> Result<(), Error> {
    let revoked = |content| certificate(fingerprint, content).filter(TrustRow::is_revoked);
    if revoked(before).is_some() && after.and_then(revoked).is_none() {
        return Err(Error::CertificateRevoked {
            fingerprint: *fingerprint,
        });
    }
    Ok(())
}

/// A version may be deleted, and its number used again.
fn keeps_its_content(key: &VersionKey, before: &[u8], after: Option<&[u8]>) -> Result<(), Error> {
    match after.and_then(|after| version(key, after)) {
        Some(row) => check_content(key, before, row.version.image.fingerprint),
        None => Ok(()),
    }
}

/// Refuses content that differs from that of the stored descriptor.
pub(crate) fn check_content(
    key: &VersionKey,
    stored: &[u8],
    given: Fingerprint,
) -> Result<(), Error> {
    match version(key, stored).map(|row| row.version.image.fingerprint) {
        Some(stored) if stored != given => Err(Error::VersionConflict {
            name: key.variant.name.clone(),
            architecture: key.variant.architecture,
            number: key.number,
            stored,
            given,
        }),
        _ => Ok(()),
    }
}
