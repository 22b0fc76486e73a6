//! Reads frames by means of the table, and trusts neither.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use fs_err as fs;
use zeekstd::SeekTable;
use zstd::{bulk::Decompressor, zstd_safe};

use super::FRAME;
use crate::{Error, tar::Skip};

/// The most content a frame may hold. This program writes frames of 1 MiB; there is room for
/// others, and none for a frame that takes all memory.
const MAX_FRAME: usize = 4 * FRAME;

/// The most frames a file may have: a TiB of content at the size this program writes.
const MAX_FRAMES: u64 = 1 << 20;

/// What a frame takes in the table, and what the table takes without any.
const TABLE_ENTRY: u64 = 8;
const EMPTY_TABLE: u64 = 17;

/// A seekable file and the table of its frames.
#[derive(Debug)]
pub(crate) struct Frames {
    path: PathBuf,
    file: fs::File,
    table: SeekTable,
    size: u64,
}

/// Where a frame is and how large its content is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) size: usize,
    pub(crate) content: usize,
}

impl Frames {
    /// Opens a file and reads its table, which must describe the file from the first to the last
    /// byte.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        check_table_size(&mut file, size).map_err(|error| not_an_image(path, &error))?;
        let table = SeekTable::from_seekable(&mut file)
            .map_err(|error| not_an_image(path, &io::Error::other(error)))?;
        let frames = Self {
            path: path.to_owned(),
            file,
            table,
            size,
        };
        frames.check()?;
        Ok(frames)
    }

    fn check(&self) -> Result<(), Error> {
        let table = EMPTY_TABLE + TABLE_ENTRY * u64::from(self.count());
        if self.table.size_comp() + table != self.size {
            return Err(self.refused("its seek table does not fit the file"));
        }
        let content = self.table.max_frame_size_decomp();
        let size = self.table.max_frame_size_comp();
        if content > MAX_FRAME as u64 || size > zstd_safe::compress_bound(MAX_FRAME) as u64 {
            return Err(self.refused("its frames are too large"));
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> u32 {
        self.table.num_frames()
    }

    pub(crate) fn content_size(&self) -> u64 {
        self.table.size_decomp()
    }

    pub(crate) fn frame(&self, index: u32) -> Result<Frame, Error> {
        let size = self.table.frame_size_comp(index);
        let content = self.table.frame_size_decomp(index);
        let number = |size: zeekstd::Result<u64>| size.ok().and_then(|size| size.try_into().ok());
        match (number(size), number(content)) {
            (Some(size), Some(content)) => Ok(Frame { size, content }),
            _ => Err(self.refused("its seek table is damaged")),
        }
    }

    /// The file, to be read from its beginning.
    pub(crate) fn rewind(&mut self) -> io::Result<&mut fs::File> {
        self.file.rewind()?;
        Ok(&mut self.file)
    }

    pub(crate) fn refused(&self, reason: &str) -> Error {
        Error::NotAnImage {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    fn read_frame(&mut self, index: u32) -> io::Result<Vec<u8>> {
        let frame = self.frame(index).map_err(io::Error::other)?;
        let start = self
            .table
            .frame_start_comp(index)
            .map_err(io::Error::other)?;
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; frame.size];
        self.file.read_exact(&mut bytes)?;
        decompress_frame(&mut None, &bytes, frame.content)
    }
}

/// Before the table is read: does it fit into the file, and is it of a sane size?
fn check_table_size(file: &mut fs::File, size: u64) -> io::Result<()> {
    let no_table = || io::Error::new(io::ErrorKind::InvalidData, "it has no seek table");
    if size < EMPTY_TABLE {
        return Err(no_table());
    }
    file.seek(SeekFrom::End(-9))?;
    let mut footer = [0; 9];
    file.read_exact(&mut footer)?;
    let (count, rest) = footer.split_at(4);
    if rest[1..] != zeekstd::SEEKABLE_MAGIC_NUMBER.to_le_bytes() {
        return Err(no_table());
    }
    let count = count
        .iter()
        .rev()
        .fold(0, |count, byte| count << 8 | u64::from(*byte));
    // Bit 7 of the descriptor says that entries carry checksums, which this format has elsewhere.
    let fits = rest[0] == 0 && count <= MAX_FRAMES && EMPTY_TABLE + TABLE_ENTRY * count <= size;
    if fits { Ok(()) } else { Err(no_table()) }
}

fn not_an_image(path: &Path, error: &io::Error) -> Error {
    Error::NotAnImage {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Decompresses a frame, which must hold exactly as much content as the table says.
pub(crate) fn decompress_frame(
    decompressor: &mut Option<Decompressor<'static>>,
    bytes: &[u8],
    content: usize,
) -> io::Result<Vec<u8>> {
    let decompressor = match decompressor {
        Some(decompressor) => decompressor,
        none => none.insert(Decompressor::new()?),
    };
    let bytes = decompressor.decompress(bytes, content)?;
    if bytes.len() == content {
        Ok(bytes)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame holds less than the seek table says",
        ))
    }
}

/// Reads the content of a seekable file. What is skipped is not even decompressed.
pub(crate) struct FrameReader {
    frames: Frames,
    position: u64,
    current: Option<(u32, Vec<u8>)>,
}

impl FrameReader {
    pub(crate) fn new(frames: Frames) -> Self {
        Self {
            frames,
            position: 0,
            current: None,
        }
    }

    /// The content from the present position to the end of its frame.
    fn available(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.frames.content_size() {
            return Ok(&[]);
        }
        let index = self.frames.table.frame_index_decomp(self.position);
        if self
            .current
            .as_ref()
            .is_none_or(|(current, _)| *current != index)
        {
            self.current = Some((index, self.frames.read_frame(index)?));
        }
        let start = self
            .frames
            .table
            .frame_start_decomp(index)
            .map_err(io::Error::other)?;
        let content = self
            .current
            .as_ref()
            .map_or(&[][..], |(_, content)| content);
        let offset = usize::try_from(self.position - start).map_err(io::Error::other)?;
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
        if position > self.frames.content_size() {
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
    fn a_range_is_decoded_by_means_of_the_table_alone() {
        let content = content();
        let (_folder, path) = image(&content);
        let mut reader = FrameReader::new(Frames::open(&path).unwrap());
        let start = 2 * FRAME - 10;
        reader.skip(start as u64).unwrap();
        let mut range = vec![0; 20];
        reader.read_exact(&mut range).unwrap();
        assert_eq!(range, content[start..start + 20]);
        assert_eq!(reader.current.unwrap().0, 2);
        assert!(
            FrameReader::new(Frames::open(&path).unwrap())
                .skip(1 << 40)
                .is_err()
        );
    }

    #[test]
    fn a_table_that_lies_is_refused_before_it_costs_anything() {
        let (_folder, path) = image(&content());
        let good = fs::read(&path).unwrap();
        let entries = good.len() - 9 - 4 * 8;
        let mut cases = vec![
            ("no table", good[..entries].to_vec()),
            ("empty", Vec::new()),
        ];
        let mut lie = |name, at: usize, bytes: &[u8]| {
            let mut image = good.clone();
            image[at..at + bytes.len()].copy_from_slice(bytes);
            cases.push((name, image));
        };
        lie("number of frames", good.len() - 9, &u32::MAX.to_le_bytes());
        lie("fewer frames", good.len() - 9, &3_u32.to_le_bytes());
        lie("size of a frame", entries, &7_u32.to_le_bytes());
        lie("content of a frame", entries + 4, &u32::MAX.to_le_bytes());
        lie("descriptor", good.len() - 5, &[0x80]);
        for (name, image) in cases {
            fs::write(&path, image).unwrap();
            let refused = Frames::open(&path);
            assert!(
                matches!(refused, Err(Error::NotAnImage { .. })),
                "{name}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_frame_with_other_content_than_the_table_says_is_an_error() {
        let frame = zstd::bulk::compress(&[1; 1000], 3).unwrap();
        assert!(decompress_frame(&mut None, &frame, 1000).is_ok());
        assert!(decompress_frame(&mut None, &frame, 999).is_err());
        assert!(decompress_frame(&mut None, &frame, 1001).is_err());
    }
}
