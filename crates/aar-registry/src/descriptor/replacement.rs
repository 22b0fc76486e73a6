//! What a descriptor may take the place of.
//!
//! The database refuses to forget a revocation and to give a version another content. But it may be
//! a copy that was restored, and know of neither. What it has forgotten the storage still says, so
//! the storage refuses as well.

use aar_types::Fingerprint;

use super::{certificate, version};
use crate::{
    Error,
    metadata::{TrustRow, VersionKey},
    storage::ObjectKey,
};

/// Refuses to write over a descriptor, or to delete it, where that would let a revoked certificate
/// be trusted again, or a version have another content.
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

/// A version may be deleted; what comes after that is another one.
fn keeps_its_content(key: &VersionKey, before: &[u8], after: Option<&[u8]>) -> Result<(), Error> {
    let image = |content| version(key, content).map(|row| row.version.image.fingerprint);
    match (image(before), after.and_then(image)) {
        (Some(stored), Some(given)) if stored != given => Err(Error::VersionConflict {
            name: key.variant.name.clone(),
            architecture: key.variant.architecture,
            number: key.number,
            stored,
            given,
        }),
        _ => Ok(()),
    }
}
