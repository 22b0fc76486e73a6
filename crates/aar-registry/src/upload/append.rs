//! Continues an upload.
//!
//! Bytes up to the offset of the row are durable: each checkpoint is recorded after the storage has it. In a
//! bucket the last checkpoint of a request may be lost; then the upload continues at the end of its last
//! part, and the error has that offset.

use std::pin::pin;

use bytes::Bytes;

use super::{
    Upload,
    body::{ReadEnd, UploadBody},
    finish::finish,
    progress::{advance_in, is_renewal_due, renew},
};
use crate::{
    Error, Publisher, Registry, UploadId,
    image_check::ArrivingCheck,
    metadata::{PartRow, UploadRow},
    storage::{Checkpoint, Durable, Progress, Resumed, StagedUpload, StagedWriter},
    upload_lock::UploadLock,
};

pub(super) async fn append(
    publisher: &Publisher,
    id: UploadId,
    offset: u64,
    mut body: UploadBody,
) -> Result<Upload, Error> {
    let registry = &publisher.registry;
    let lock = registry.inner.upload_locks.acquire(id).await?;
    let row = begin(registry, id, offset).await?;
    if row.complete {
        return Ok(Upload::from(&row));
    }
    let mut check = registry.inner.image_checks.resume(id, offset, row.length);
    let (row, end) = match append_body(registry, row, &mut body, &lock, &mut check).await {
        // The backend has lost the upload.
        Err(Error::UploadNotFound { .. }) => return lost(registry, id).await,
        appended => appended?,
    };
    let check = check.filter(|check| check.offset() == row.durable);
    if row.durable == row.length {
        return match checkpoint(&row) {
            Ok(checkpoint) => finish(publisher, row, checkpoint, check).await,
            Err(_) => lost(registry, id).await,
        };
    }
    if let Some(check) = check {
        registry.inner.image_checks.keep(id, check);
    }
    match end {
        ReadEnd::Full | ReadEnd::Ended => Ok(Upload::from(&row)),
        ReadEnd::Superseded => Err(Error::UploadLocked { id }),
        ReadEnd::Failed(source) => Err(Error::UploadInterrupted {
            id,
            offset: row.durable,
            source,
        }),
    }
}

/// Finds the upload, checks the offset, and extends the expiry.
async fn begin(registry: &Registry, id: UploadId, offset: u64) -> Result<UploadRow, Error> {
    let Some(mut row) = registry.open_upload(id).await? else {
        return Err(Error::UploadNotFound { id });
    };
    if row.durable != offset {
        return Err(Error::UploadOffset {
            id,
            expected: row.durable,
            given: offset,
        });
    }
    if !row.complete && is_renewal_due(registry, &row) {
        renew(registry, &mut row).await?;
    }
    Ok(row)
}

/// Drops an upload whose bytes are lost, unless another process has completed it.
async fn lost(registry: &Registry, id: UploadId) -> Result<Upload, Error> {
    if let Some(done) = registry.open_upload(id).await?.filter(|row| row.complete) {
        return Ok(Upload::from(&done));
    }
    tracing::warn!(%id, "the staged data of an upload is lost; the upload is dropped");
    registry.drop_upload(id).await?;
    Err(Error::UploadNotFound { id })
}

fn checkpoint(row: &UploadRow) -> Result<Checkpoint, Error> {
    let checkpoint = Checkpoint::resume(row.durable, &row.hash_state);
    checkpoint.ok_or(Error::UploadNotFound { id: row.id })
}

/// Returns the row with the durable offset, and the reason why the body ended.
async fn append_body(
    registry: &Registry,
    mut row: UploadRow,
    body: &mut UploadBody,
    lock: &UploadLock,
    check: &mut Option<ArrivingCheck>,
) -> Result<(UploadRow, ReadEnd), Error> {
    if row.durable == row.length {
        return Ok((row, ReadEnd::Ended));
    }
    let progress = progress(registry, &row).await?;
    begin_staging(registry, &mut row).await?;
    let mut staged = registry.storage().staged(row.staged_id());
    if staged.resume(&progress).await? == Resumed::AtLastPart {
        return Err(go_back(registry, row, &progress.last_part).await);
    }
    let mut appending = Appending::new(registry, staged, row, progress.durable);
    let read = appending.read(body, lock, check).await;
    let kept = appending.keep().await;
    let end = read?;
    kept?;
    Ok((appending.row, end))
}

async fn progress(registry: &Registry, row: &UploadRow) -> Result<Progress, Error> {
    let mut tx = registry.metadata().read().await?;
    let parts = tx.part_totals(row.id).await?;
    let last_part = match tx.last_part_state(row.id).await? {
        None => Some(Checkpoint::default()),
        Some(state) => Checkpoint::resume(parts.bytes, &state),
    };
    Ok(Progress {
        durable: checkpoint(row)?,
        parts: parts.count,
        last_part: last_part.ok_or(Error::UploadNotFound { id: row.id })?,
    })
}

/// Records the id of the multipart upload, with the first request.
async fn begin_staging(registry: &Registry, row: &mut UploadRow) -> Result<(), Error> {
    if row.multipart.is_some() {
        return Ok(());
    }
    let storage = registry.storage();
    row.multipart = storage.begin_staging(&row.staged_id()).await?;
    let Some(multipart) = &row.multipart else {
        return Ok(());
    };
    let mut tx = registry.write().await?;
    if tx.set_multipart(row.id, multipart).await? {
        return tx.commit().await;
    }
    // Another process was faster.
    tx.rollback().await?;
    storage.staged(row.staged_id()).abort().await?;
    Err(Error::UploadLocked { id: row.id })
}

/// Resets the upload to the end of its last part. The error has the offset.
async fn go_back(registry: &Registry, mut row: UploadRow, to: &Checkpoint) -> Error {
    let (id, given) = (row.id, row.durable);
    tracing::warn!(%id, to = to.offset, "the tail of a request is lost; the upload goes back");
    row.durable = to.offset;
    row.hash_state = to.hasher.save();
    match record(registry, given, &row, None).await {
        Ok(()) => Error::UploadOffset {
            id,
            expected: to.offset,
            given,
        },
        Err(error) => error,
    }
}

async fn record(
    registry: &Registry,
    known: u64,
    row: &UploadRow,
    part: Option<PartRow>,
) -> Result<(), Error> {
    let mut tx = registry.write().await?;
    advance_in(&mut tx, known, row).await?;
    if let Some(part) = part {
        tx.insert_part(row.id, &part).await?;
    }
    tx.commit().await
}

/// Ends the check at the first bytes that no image has.
async fn push(check: &mut Option<ArrivingCheck>, piece: Bytes) {
    if let Some(running) = check
        && running.push(piece).await.is_err()
    {
        *check = None;
    }
}

struct Appending<'a> {
    registry: &'a Registry,
    writer: StagedWriter,
    /// The recorded state of the upload.
    row: UploadRow,
}

impl<'a> Appending<'a> {
    fn new(
        registry: &'a Registry,
        staged: Box<dyn StagedUpload>,
        row: UploadRow,
        at: Checkpoint,
    ) -> Self {
        Self {
            registry,
            writer: StagedWriter::new(staged, row.length, at),
            row,
        }
    }

    /// Reads the body, and returns the reason why it ended.
    async fn read(
        &mut self,
        body: &mut UploadBody,
        lock: &UploadLock,
        check: &mut Option<ArrivingCheck>,
    ) -> Result<ReadEnd, Error> {
        loop {
            let (piece, end) = self.next_piece(body, lock).await?;
            let UploadRow { id, length, .. } = self.row;
            if self.writer.offset() + piece.len() as u64 > length {
                return Err(Error::UploadTooLong { id, length });
            }
            push(check, piece.clone()).await;
            self.writer.write(piece).await?;
            if !matches!(end, ReadEnd::Full) {
                return Ok(end);
            }
        }
    }

    /// Records checkpoints until the next piece has arrived.
    async fn next_piece(
        &mut self,
        body: &mut UploadBody,
        lock: &UploadLock,
    ) -> Result<(Bytes, ReadEnd), Error> {
        let stall_after = self.registry.options().uploads.stall_after;
        let mut piece = pin!(body.read(lock.superseded(), stall_after));
        loop {
            tokio::select! {
                biased;
                durable = self.writer.next_durable(), if self.writer.has_checkpoints() => {
                    self.record(durable?).await?;
                }
                piece = &mut piece => return Ok(piece),
            }
        }
    }

    /// Makes all written bytes durable.
    async fn keep(&mut self) -> Result<(), Error> {
        self.record_all().await?;
        let flushed = self.writer.flush().await;
        self.record_all().await?;
        flushed
    }

    async fn record_all(&mut self) -> Result<(), Error> {
        while let Some(durable) = self.writer.next_durable().await? {
            self.record(Some(durable)).await?;
        }
        Ok(())
    }

    async fn record(&mut self, durable: Option<Durable>) -> Result<(), Error> {
        let Some(Durable { checkpoint, part }) = durable else {
            return Ok(());
        };
        let hash_state = checkpoint.hasher.save();
        let part = part.map(|part| PartRow {
            number: part.number,
            size: part.size,
            tag: part.etag,
            hash_state: hash_state.clone(),
        });
        let row = UploadRow {
            durable: checkpoint.offset,
            hash_state,
            expires_at: self.registry.upload_expiry(),
            ..self.row.clone()
        };
        record(self.registry, self.row.durable, &row, part).await?;
        self.row = row;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{io, os::unix::fs::FileExt};

    use aar_fs::Sha256Hasher;
    use fs_err::File;
    use futures_util::stream;

    use super::*;
    use crate::{DatabaseOptions, Options, StorageOptions, UploadNew, storage::StagedFile};

    const MIB: usize = 1 << 20;
    const LOST_PAGE: [u8; 4096] = [0; 4096];
    const EIO: i32 = 5;

    struct Fixture {
        folder: tempfile::TempDir,
        registry: Registry,
        content: Bytes,
        upload: Upload,
    }

    /// An upload of this length without any bytes.
    async fn begin_upload(length: usize) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let storage = StorageOptions::Fs {
            root_directory: folder.path().join("data"),
        };
        let path = folder.path().join("registry.db");
        let options = Options::new(DatabaseOptions::Sqlite { path }, storage);
        let registry = Registry::open(options).await.unwrap();
        let content = Bytes::from_owner(vec![7; length]);
        let mut hasher = Sha256Hasher::new();
        hasher.update(&content);
        let new = UploadNew {
            length: length as u64,
            digest: hasher.finish(),
        };
        let upload = registry
            .operator("test")
            .create_upload(new, "")
            .await
            .unwrap();
        Fixture {
            folder,
            registry,
            content,
            upload,
        }
    }

    impl Fixture {
        async fn row(&self) -> UploadRow {
            let row = self.registry.open_upload(self.upload.id).await;
            row.unwrap().unwrap()
        }

        async fn append_to_failing_disk(&self) -> Error {
            let row = self.row().await;
            let lock = self.registry.inner.upload_locks.acquire(row.id).await;
            let root = self.folder.path().join("data");
            let mut staged = StagedFile::on_failing_disk(&root, row.staged_id(), lose_page_once);
            let progress = progress(&self.registry, &row).await.unwrap();
            staged.resume(&progress).await.unwrap();
            let pieces = self
                .content
                .chunks(MIB)
                .map(|piece| self.content.slice_ref(piece));
            let pieces: Vec<_> = pieces.map(Ok::<_, io::Error>).collect();
            let mut body = UploadBody::new(stream::iter(pieces));
            let staged = Box::new(staged);
            let mut appending = Appending::new(&self.registry, staged, row, progress.durable);
            let read = appending.read(&mut body, &lock.unwrap(), &mut None).await;
            let kept = appending.keep().await;
            read.and(kept.map(|()| ReadEnd::Ended)).unwrap_err()
        }

        /// Sends the image from the durable offset, and checks the stored blob.
        async fn is_stored_after_the_rest(&self) -> bool {
            let from = self.row().await.durable;
            let rest = self.content.slice(usize::try_from(from).unwrap()..);
            let body = stream::iter([Ok::<_, io::Error>(rest)]);
            let publisher = self.registry.operator("test");
            let done = publisher.append(self.upload.id, from, body).await.unwrap();
            let Upload { digest, length, .. } = self.upload;
            let stored = self.registry.storage().hash_blob(&digest).await.unwrap();
            done.complete && stored == Some((length, digest))
        }
    }

    /// A failing disk: the system reports the failure once, the data is lost, and later calls succeed.
    fn lose_page_once(file: &File) -> io::Result<()> {
        if fs_err::read(file.path())?.starts_with(&LOST_PAGE) {
            return Ok(());
        }
        file.file().write_all_at(&LOST_PAGE, 0)?;
        Err(io::Error::from_raw_os_error(EIO))
    }

    #[tokio::test]
    async fn data_that_a_failed_disk_lost_is_sent_again() {
        // The failed checkpoint is in flight when the body ends, or when the next one begins.
        for length in [40 * MIB, 66 * MIB] {
            let fixture = begin_upload(length).await;
            let failed = fixture.append_to_failing_disk().await;
            assert!(matches!(failed, Error::Io(_)), "{failed}");
            assert_eq!(fixture.row().await.durable, 0);
            assert!(fixture.is_stored_after_the_rest().await, "{length} bytes");
        }
    }
}
