//! Reading frames by the seek table. Neither is trusted.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use fs_err as fs;
use zeekstd::SeekTable;
use zstd::{bulk::Decompressor, zstd_safe};

use super::FRAME;
use crate::{Error, tar::Skip};

/// The content size that a frame may have. Other programs may write larger frames than this one,
/// but no frame may take all memory.
pub(crate) const MAX_FRAME: usize = 4 * FRAME;

/// The number of frames that a file may have: 1 TiB of content in frames of 1 MiB.
pub(crate) const MAX_FRAMES: u64 = 1 << 20;

/// The size of a table entry, and of the table without entries.
const TABLE_ENTRY: u64 = 8;
const EMPTY_TABLE: u64 = 17;

/// A file and its seek table.
#[derive(Debug)]
pub(crate) struct SeekableFile {
    path: PathBuf,
    file: fs::File,
    table: SeekTable,
    size: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameInfo {
    pub(crate) compressed_size: usize,
    pub(crate) content_size: usize,
}

impl SeekableFile {
    /// Opens a file and reads its seek table, which must describe every byte of the file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        check_table_size(&mut file, size).map_err(|error| not_an_image(path, error.to_string()))?;
        let table = SeekTable::from_seekable(&mut file)
            .map_err(|error| not_an_image(path, error.to_string()))?;
        let opened = Self {
            path: path.to_owned(),
            file,
            table,
            size,
        };
        opened.check_table()?;
        Ok(opened)
    }

    fn check_table(&self) -> Result<(), Error> {
        let table = EMPTY_TABLE + TABLE_ENTRY * u64::from(self.frame_count());
        if self.table.size_comp() + table != self.size {
            return Err(self.not_an_image("its seek table does not fit the file"));
        }
        let content = self.table.max_frame_size_decomp();
        let compressed = self.table.max_frame_size_comp();
        let max_compressed = zstd_safe::compress_bound(MAX_FRAME) as u64;
        if content > MAX_FRAME as u64 || compressed > max_compressed {
            return Err(self.not_an_image("its frames are too large"));
        }
        Ok(())
    }

    pub(crate) fn frame_count(&self) -> u32 {
        self.table.num_frames()
    }

    fn content_size(&self) -> u64 {
        self.table.size_decomp()
    }

    pub(crate) fn frame(&self, index: u32) -> Result<FrameInfo, Error> {
        let size = |size: zeekstd::Result<u64>| size.ok().and_then(|size| size.try_into().ok());
        let compressed = size(self.table.frame_size_comp(index));
        match (compressed, size(self.table.frame_size_decomp(index))) {
            (Some(compressed_size), Some(content_size)) => Ok(FrameInfo {
                compressed_size,
                content_size,
            }),
            _ => Err(self.not_an_image("its seek table is damaged")),
        }
    }

    /// The file, positioned at its start.
    pub(crate) fn rewind(&mut self) -> io::Result<&mut fs::File> {
        self.file.rewind()?;
        Ok(&mut self.file)
    }

    fn not_an_image(&self, reason: &str) -> Error {
        not_an_image(&self.path, reason)
    }

    fn read_frame(&mut self, index: u32) -> io::Result<Vec<u8>> {
        let frame = self.frame(index).map_err(io::Error::other)?;
        let start = self
            .table
            .frame_start_comp(index)
            .map_err(io::Error::other)?;
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; frame.compressed_size];
        self.file.read_exact(&mut bytes)?;
        decompress_frame(&mut None, &bytes, frame.content_size)
    }
}

/// Checks the size of the table against the file before the table is read.
fn check_table_size(file: &mut fs::File, size: u64) -> io::Result<()> {
    let no_table = || io::Error::new(io::ErrorKind::InvalidData, "it has no seek table");
    if size < EMPTY_TABLE {
        return Err(no_table());
    }
    file.seek(SeekFrom::End(-9))?;
    let mut footer = [0; 9];
    file.read_exact(&mut footer)?;
    let [c0, c1, c2, c3, descriptor, magic @ ..] = footer;
    let count = u64::from(u32::from_le_bytes([c0, c1, c2, c3]));
    // Bit 7 of the descriptor announces checksums in the table; this format has them in the frames.
    let valid = magic == zeekstd::SEEKABLE_MAGIC_NUMBER.to_le_bytes()
        && descriptor == 0
        && count <= MAX_FRAMES
        && EMPTY_TABLE + TABLE_ENTRY * count <= size;
    if valid { Ok(()) } else { Err(no_table()) }
}

fn not_an_image(path: &Path, reason: impl Into<String>) -> Error {
    Error::NotAnImage {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// Decompresses a frame, which must have exactly the content size that the table declares.
pub(crate) fn decompress_frame(
    decompressor: &mut Option<Decompressor<'static>>,
    bytes: &[u8],
    content_size: usize,
) -> io::Result<Vec<u8>> {
    let decompressor = match decompressor {
        Some(decompressor) => decompressor,
        none => none.insert(Decompressor::new()?),
    };
    let content = decompressor.decompress(bytes, content_size)?;
    if content.len() == content_size {
        Ok(content)
    } else {
        let message = "a frame has less content than the seek table declares";
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

/// Reads the content of a seekable file. Skipped frames are not decompressed.
pub(crate) struct FrameReader {
    file: SeekableFile,
    position: u64,
    current: Option<(u32, Vec<u8>)>,
}

impl FrameReader {
    pub(crate) fn new(file: SeekableFile) -> Self {
        Self {
            file,
            position: 0,
            current: None,
        }
    }

    /// The content from the current position to the end of the frame.
    fn available(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.file.content_size() {
            return Ok(&[]);
        }
        let index = self.file.table.frame_index_decomp(self.position);
        let content = match self.current.take() {
            Some((current, content)) if current == index => content,
            _ => self.file.read_frame(index)?,
        };
        let (_, content) = self.current.insert((index, content));
        let start = self.file.table.frame_start_decomp(index);
        let offset = self.position - start.map_err(io::Error::other)?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        Ok(content.get(offset..).unwrap_or_default())
    }
}

impl Read for FrameReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.available()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Skip for FrameReader {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let position = self.position.saturating_add(count);
        if position > self.file.content_size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position = position;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        super::super::write_image(&path, |out| Ok(out.write_all(content)?)).unwrap();
        (folder, path)
    }

    fn content() -> Vec<u8> {
        (0..=255).cycle().step_by(3).take(3 * FRAME + 100).collect()
    }

    #[test]
    fn only_the_frames_of_a_range_are_decompressed() {
        let content = content();
        let (_folder, path) = image(&content);
        let mut reader = FrameReader::new(SeekableFile::open(&path).unwrap());
        let start = 2 * FRAME - 10;
        reader.skip(start as u64).unwrap();
        let mut range = vec![0; 20];
        reader.read_exact(&mut range).unwrap();
        assert_eq!(range, content[start..start + 20]);
        assert_eq!(reader.current.unwrap().0, 2);
        assert!(
            FrameReader::new(SeekableFile::open(&path).unwrap())
                .skip(1 << 40)
                .is_err()
        );
    }

    #[test]
    fn wrong_seek_table_is_refused() {
        let (_folder, path) = image(&content());
        let valid = fs::read(&path).unwrap();
        let entries = valid.len() - 9 - 4 * 8;
        let mut cases = vec![
            ("no table", valid[..entries].to_vec()),
            ("empty", Vec::new()),
        ];
        let mut change = |name, at: usize, bytes: &[u8]| {
            let mut image = valid.clone();
            image[at..at + bytes.len()].copy_from_slice(bytes);
            cases.push((name, image));
        };
        let count = valid.len() - 9;
        change("number of frames", count, &u32::MAX.to_le_bytes());
        change("fewer frames", count, &3_u32.to_le_bytes());
        change("size of a frame", entries, &7_u32.to_le_bytes());
        change("content of a frame", entries + 4, &u32::MAX.to_le_bytes());
        change("descriptor", valid.len() - 5, &[0x80]);
        for (name, image) in cases {
            fs::write(&path, image).unwrap();
            let refused = SeekableFile::open(&path);
            assert!(
                matches!(refused, Err(Error::NotAnImage { .. })),
                "{name}: {refused:?}"
            );
        }
    }

    #[test]
    fn frame_with_another_content_size_than_declared_is_refused() {
        let frame = zstd::bulk::compress(&[1; 1000], 3).unwrap();
        assert!(decompress_frame(&mut None, &frame, 1000).is_ok());
        assert!(decompress_frame(&mut None, &frame, 999).is_err());
        assert!(decompress_frame(&mut None, &frame, 1001).is_err());
    }
}
