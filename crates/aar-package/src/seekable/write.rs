//! Writing images: content is compressed, hashed and written at the same time.
//!
//! The caller's thread produces the content. One thread hashes it for the fingerprint, several
//! compress frames, and one writes the frames in order and hashes them for the digest.

use std::{
    io::{self, Write},
    mem,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use aar_fs::HashingWriter;
use aar_types::{Digest, Fingerprint, ImageInfo};
use fs_err as fs;
use sha2::{Digest as _, Sha256};
use zeekstd::SeekTable;
use zstd::{bulk::Compressor, zstd_safe::CParameter};

use super::{FRAME, Results, WorkQueue, join, ordered_workers, worker_count};
use crate::Error;

/// The level keeps up with disks and networks; higher levels are ten times slower and save little.
const LEVEL: i32 = 3;

/// The content of a frame.
type ContentChunk = Arc<Vec<u8>>;

struct CompressedFrame {
    bytes: Vec<u8>,
    content_size: usize,
}

/// Writes the tar that `produce` writes as an image to the file `to` and syncs it. On failure the
/// file is removed.
pub(crate) fn write_image(
    to: &Path,
    produce: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<ImageInfo, Error> {
    write_with(to, worker_count(), produce).inspect_err(|_| {
        // The first failure is reported. A file that cannot be removed is left to the reaper.
        let _ = fs::remove_file(to);
    })
}

fn write_with(
    to: &Path,
    workers: usize,
    produce: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<ImageInfo, Error> {
    let file = fs::File::create(to)?;
    thread::scope(|scope| {
        let (to_compress, frames) = ordered_workers(scope, workers, compressor);
        let (to_hash, chunks) = sync_channel(2);
        let hashing = scope.spawn(move || hash(&chunks));
        let writing = scope.spawn(move || write_frames(file, frames));
        let mut content = ChunkWriter::new(to_compress, to_hash);
        let produced = produce(&mut content).and_then(|()| Ok(content.finish()?));
        let written = join(writing);
        let fingerprint = join(hashing);
        // When writing fails, producing fails too, but without the reason.
        let (digest, size) = written?;
        produced?;
        aar_fs::sync_parent(to)?;
        Ok(ImageInfo {
            fingerprint,
            digest,
            size,
        })
    })
}

/// Splits the content into chunks.
struct ChunkWriter {
    chunk: Vec<u8>,
    to_compress: WorkQueue<ContentChunk>,
    to_hash: SyncSender<ContentChunk>,
}

impl ChunkWriter {
    fn new(to_compress: WorkQueue<ContentChunk>, to_hash: SyncSender<ContentChunk>) -> Self {
        Self {
            chunk: Vec::with_capacity(FRAME),
            to_compress,
            to_hash,
        }
    }

    fn send(&mut self, next: Vec<u8>) -> io::Result<()> {
        let chunk = Arc::new(mem::replace(&mut self.chunk, next));
        let hashed = self.to_hash.send(Arc::clone(&chunk));
        let compressed = self.to_compress.send(chunk);
        if hashed.is_err() || compressed.is_err() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            Ok(())
        } else {
            self.send(Vec::new())
        }
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(FRAME - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == FRAME {
            self.send(Vec::with_capacity(FRAME))?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash(chunks: &Receiver<ContentChunk>) -> Fingerprint {
    let mut sha256 = Sha256::new();
    for chunk in chunks {
        sha256.update(&*chunk);
    }
    Fingerprint::from_bytes(sha256.finalize().into())
}

fn compressor() -> impl FnMut(ContentChunk) -> io::Result<CompressedFrame> {
    let mut compressor = None;
    move |chunk| {
        let compressor = match &mut compressor {
            Some(compressor) => compressor,
            none => none.insert(new_compressor()?),
        };
        Ok(CompressedFrame {
            bytes: compressor.compress(&chunk)?,
            content_size: chunk.len(),
        })
    }
}

fn new_compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(compressor)
}

/// Writes the frames and the seek table, and syncs the file.
fn write_frames(
    file: fs::File,
    frames: Results<io::Result<CompressedFrame>>,
) -> Result<(Digest, u64), Error> {
    let mut output = HashingWriter::new(file);
    let mut table = SeekTable::new();
    for frame in frames {
        let frame = frame?;
        output.write_all(&frame.bytes)?;
        table
            .log_frame(length(frame.bytes.len())?, length(frame.content_size)?)
            .map_err(io::Error::other)?;
    }
    io::copy(&mut table.into_serializer(), &mut output)?;
    let (file, digest, size) = output.finish();
    file.sync_all()?;
    Ok((digest, size))
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(length: usize) -> Vec<u8> {
        (0..=250).cycle().step_by(7).take(length).collect()
    }

    #[test]
    fn image_is_the_same_for_any_number_of_workers() {
        let folder = tempfile::tempdir().unwrap();
        let content = content(5 * FRAME + 17);
        let write = |name: &str, workers| {
            let to = folder.path().join(name);
            let info = write_with(&to, workers, |out| Ok(out.write_all(&content)?)).unwrap();
            let bytes = fs::read(to).unwrap();
            assert_eq!(info.size, bytes.len() as u64);
            assert_eq!(
                *info.digest.as_bytes(),
                <[u8; 32]>::from(Sha256::digest(&bytes))
            );
            assert_eq!(
                *info.fingerprint.as_bytes(),
                <[u8; 32]>::from(Sha256::digest(&content))
            );
            bytes
        };
        let one = write("one", 1);
        assert_eq!(one, write("two", 2));
        assert_eq!(one, write("eight", 8));
    }

    #[test]
    fn failed_producer_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("image");
        let failed = write_image(&to, |out| {
            out.write_all(&content(3 * FRAME))?;
            Err(Error::Cancelled)
        });
        assert!(matches!(failed, Err(Error::Cancelled)));
        assert!(!to.exists());
    }

    #[test]
    fn full_disk_is_reported_as_full_storage() {
        let failed = write_with(Path::new("/dev/full"), 2, |out| {
            (0..100).try_for_each(|_| Ok(out.write_all(&content(FRAME))?))
        });
        let error = failed.unwrap_err();
        assert!(
            matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
    }
}
