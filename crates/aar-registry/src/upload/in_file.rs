//! Continuing an upload into a file: a piece is written and hashed while the next one comes in, and
//! now and then what has come in is made durable.
//!
//! What the row says is durable is. The system tells only once that the disk has failed, and from
//! then on takes what it has lost for written. So nothing goes on from a checkpoint that failed:
//! the row stays where it was, and the next request cuts the file off there and sends the rest anew.

use tokio::task::JoinHandle;

use super::{
    intake::{Intake, Taken},
    progress::advance,
    running::Turn,
    source::{Pause, Source},
};
use crate::{
    Error, Registry,
    metadata::UploadRow,
    storage::Staged,
    tasks::{blocking, stopped},
};

/// How much may be lost when the machine fails, and would have to be sent again.
const CHECKPOINT: u64 = 32 << 20;

/// An upload into a file that is being continued.
pub(super) struct InFile<'a> {
    registry: &'a Registry,
    intake: Intake,
    /// The last checkpoint, where it may be still under way.
    checkpoint: Option<JoinHandle<Result<UploadRow, Error>>>,
    /// Whether a checkpoint has failed.
    failed: bool,
    /// The upload as far as it is known to be durable.
    row: UploadRow,
}

impl<'a> InFile<'a> {
    /// Continues where the row says.
    pub(super) fn begin(
        registry: &'a Registry,
        staged: Staged,
        row: UploadRow,
        taken: Taken,
    ) -> Self {
        Self {
            registry,
            intake: Intake::new(staged, taken),
            checkpoint: None,
            failed: false,
            row,
        }
    }

    /// Takes in what the body brings, and tells why it gives no more.
    pub(super) async fn take_in(&mut self, body: &mut Source, turn: &Turn) -> Result<Pause, Error> {
        let patience = self.registry.options().uploads.stall_after;
        let mut since_checkpoint = 0;
        loop {
            let (piece, pause) = body.piece(turn.stop(), patience).await;
            let length = piece.len() as u64;
            self.check_length(length)?;
            if length > 0 {
                self.intake.push(piece).await?;
                since_checkpoint += length;
            }
            if since_checkpoint >= CHECKPOINT {
                self.begin_checkpoint().await?;
                since_checkpoint = 0;
            }
            if !matches!(pause, Pause::Full) {
                return Ok(pause);
            }
        }
    }

    fn check_length(&self, coming: u64) -> Result<(), Error> {
        let UploadRow { id, length, .. } = self.row;
        if self.intake.offset() + coming > length {
            return Err(Error::UploadTooLong { id, length });
        }
        Ok(())
    }

    /// Begins to make durable what has come in, while more comes in.
    async fn begin_checkpoint(&mut self) -> Result<(), Error> {
        self.end_checkpoint().await?;
        let taken = self.intake.settle().await?.clone();
        let registry = self.registry.clone();
        let staged = self.intake.staged().clone();
        let mut row = self.row.clone();
        let known = row.durable;
        self.checkpoint = Some(tokio::spawn(async move {
            blocking(move || Ok(staged.sync()?)).await?;
            row.durable = taken.offset;
            row.hash_state = taken.state();
            row.expires_at = registry.upload_expiry();
            advance(&registry, known, &row).await?;
            Ok(row)
        }));
        Ok(())
    }

    async fn end_checkpoint(&mut self) -> Result<(), Error> {
        if let Some(checkpoint) = self.checkpoint.take() {
            let ended = checkpoint.await.map_err(stopped).flatten();
            self.failed |= ended.is_err();
            self.row = ended?;
        }
        Ok(())
    }

    /// Makes everything durable that has come in, unless that has failed before. A piece that could
    /// not be written is left out: whoever pushed it has been told, or is told by the error of this.
    pub(super) async fn keep(&mut self) -> Result<(), Error> {
        let settled = self.intake.settle().await.map(drop);
        self.end_checkpoint().await?;
        if !self.failed && self.intake.offset() > self.row.durable {
            self.begin_checkpoint().await?;
            self.end_checkpoint().await?;
        }
        settled
    }

    /// The upload as far as it is durable.
    pub(super) fn into_row(self) -> UploadRow {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use std::{io, os::unix::fs::FileExt};

    use aar_types::Digest;
    use bytes::Bytes;
    use fs_err::File;
    use futures_util::stream;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::{DatabaseOptions, Options, StorageOptions, Upload, UploadNew};

    const MIB: usize = 1 << 20;
    /// What is lost.
    const PAGE: [u8; 4096] = [0; 4096];
    const EIO: i32 = 5;

    struct Fixture {
        folder: tempfile::TempDir,
        registry: Registry,
        content: Bytes,
        upload: Upload,
    }

    /// An image of that length that is to be uploaded.
    async fn begin(length: usize) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let storage = StorageOptions::Fs {
            root_directory: folder.path().join("data"),
        };
        let path = folder.path().join("registry.db");
        let options = Options::new(DatabaseOptions::Sqlite { path }, storage);
        let registry = Registry::open(options).await.unwrap();
        let content = Bytes::from_owner(vec![7; length]);
        let new = UploadNew {
            length: length as u64,
            digest: Digest::from_bytes(Sha256::digest(&content).into()),
        };
        let upload = registry.operator("test").create_upload(new).await.unwrap();
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
            let taken = Taken::resume(0, &row.hash_state).unwrap();
            let turn = self.registry.inner.appends.take(row.id).await.unwrap();
            let path = self.folder.path().join("data/staging");
            let path = path.join(row.id.to_string());
            let staged = Staged::on_disk_that_fails(&path, lose_once).unwrap();
            let pieces = self
                .content
                .chunks(MIB)
                .map(|piece| self.content.slice_ref(piece));
            let pieces: Vec<_> = pieces.map(Ok::<_, io::Error>).collect();
            let mut body = Source::new(stream::iter(pieces));
            let mut append = InFile::begin(&self.registry, staged, row, taken);
            let read = append.take_in(&mut body, &turn).await;
            let kept = append.keep().await;
            read.and(kept).unwrap_err()
        }

        /// Sends the image from where the upload is, and tells whether it is stored as it should be.
        async fn arrives(&self) -> bool {
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

    /// What the system does when a disk fails: it tells so once, what was to be written is lost,
    /// and from then on all is well.
    fn lose_once(file: &File) -> io::Result<()> {
        if fs_err::read(file.path())?.starts_with(&PAGE) {
            return Ok(());
        }
        file.file().write_all_at(&PAGE, 0)?;
        Err(io::Error::from_raw_os_error(EIO))
    }

    #[tokio::test]
    async fn what_a_failed_disk_has_lost_is_sent_again() {
        // The checkpoint that fails is under way when the body ends, or when the next one begins.
        for length in [40 * MIB, 66 * MIB] {
            let fixture = begin(length).await;
            let failed = fixture.append_to_failing_disk().await;
            assert!(matches!(failed, Error::Io(_)), "{failed}");
            assert_eq!(fixture.row().await.durable, 0);
            assert!(fixture.arrives().await, "of {length} bytes");
        }
    }
}
