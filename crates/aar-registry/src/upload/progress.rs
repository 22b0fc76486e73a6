//! Taking down how far an upload has come.

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
