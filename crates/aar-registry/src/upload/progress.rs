//! Taking down how far an upload has come, and how long it lives.

use std::time::Duration;

use crate::{
    Error, Registry,
    metadata::{UploadRow, Writing},
};

/// Takes down how far an upload has come, if it still is where it is known to have been.
pub(super) async fn advance(registry: &Registry, known: u64, row: &UploadRow) -> Result<(), Error> {
    let mut tx = registry.write().await?;
    advance_in(&mut tx, known, row).await?;
    tx.commit().await
}

/// Within one process the turns see to it that nobody else has got ahead. Others may write to the
/// same registry: who comes second is told where the upload continues.
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

/// How often in a row an upload that is continued lives on without having come further. A bucket
/// that never takes it must not keep it for ever.
const RENEWALS: u32 = 6;
/// What the end of an upload may take.
const END: Duration = Duration::from_mins(10);

/// Lets an upload live on while it is being continued.
pub(super) async fn renew(registry: &Registry, row: &mut UploadRow) -> Result<(), Error> {
    let mut tx = registry.write().await?;
    renew_in(registry, &mut tx, row).await?;
    tx.commit().await
}

/// The same in a transaction.
pub(super) async fn renew_in(
    registry: &Registry,
    tx: &mut Writing,
    row: &mut UploadRow,
) -> Result<(), Error> {
    let expires_at = registry.upload_expiry();
    if is_due(registry, row) && tx.renew_upload(row, expires_at, RENEWALS).await? {
        row.expires_at = expires_at;
    }
    Ok(())
}

/// Whether what is left of the life of an upload is little.
pub(super) fn is_due(registry: &Registry, row: &UploadRow) -> bool {
    let left = row.expires_at.duration_since(registry.now());
    let life = registry.options().uploads.expire_after;
    Duration::try_from(left).unwrap_or_default() <= (life / 2).max(END)
}
