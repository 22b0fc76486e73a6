//! Records the progress and the expiry of an upload.

use std::time::Duration;

use crate::{
    Error, Registry,
    metadata::{UploadRow, Writing},
};

/// The maximum number of renewals in a row without progress: an upload that the bucket never accepts must
/// expire eventually.
const MAX_RENEWALS: u32 = 6;
/// The time limit for the end of an upload.
const END: Duration = Duration::from_mins(10);

/// Records progress, if the upload is at the offset that this process recorded. Another process may have
/// continued it.
pub(super) async fn advance_in(tx: &mut Writing, known: u64, row: &UploadRow) -> Result<(), Error> {
    if tx.advance_upload(known, row).await? {
        return Ok(());
    }
    let id = row.id;
    match tx.upload(id).await? {
        Some(ahead) => Err(Error::UploadOffset {
            id,
            expected: ahead.durable,
            given: known,
        }),
        None => Err(Error::UploadNotFound { id }),
    }
}

/// Extends the expiry of an upload that is continued.
pub(super) async fn renew(registry: &Registry, row: &mut UploadRow) -> Result<(), Error> {
    let mut tx = registry.write().await?;
    renew_in(registry, &mut tx, row).await?;
    tx.commit().await
}

pub(super) async fn renew_in(
    registry: &Registry,
    tx: &mut Writing,
    row: &mut UploadRow,
) -> Result<(), Error> {
    let expires_at = registry.upload_expiry();
    if is_renewal_due(registry, row) && tx.renew_upload(row, expires_at, MAX_RENEWALS).await? {
        row.expires_at = expires_at;
    }
    Ok(())
}

/// Whether half of the time until the expiry of an upload is over.
pub(super) fn is_renewal_due(registry: &Registry, row: &UploadRow) -> bool {
    let left = row.expires_at.duration_since(registry.now());
    let ttl = registry.options().uploads.expire_after;
    Duration::try_from(left).unwrap_or_default() <= (ttl / 2).max(END)
}
