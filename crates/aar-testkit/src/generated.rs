use std::{
    io::{self, Read},
    ops::Range,
};

use aar_types::{Digest, Fingerprint, ImageInfo};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

use crate::{TestClient, package::Noise};

const PIECE: u64 = 1 << 20;

/// The content of a frame.
const FRAME: u64 = 1 << 20;
/// The largest block that a frame may have.
const BLOCK: u64 = 128 << 10;
const FRAME_HEADER: u64 = 9;
const BLOCK_HEADER: u64 = 3;
const TABLE_ENTRY: u64 = 8;
/// The header and the footer of the table.
const TABLE: u64 = 8 + 9;

const SECTOR: u64 = 512;
const MANIFEST: &str =
    "name: generated\ninstance-type: a2.3\nboot-package: com.example.generated\n";
/// The tar apart from the content of its large file: two headers, the manifest and the end.
const FIXED: u64 = 5 * SECTOR;

/// An image of exactly this size that is generated while it is read and never held as a whole. The same
/// seed and size give the same image. Its package has one large file, which is not compressed.
#[derive(Debug, Clone, Copy)]
pub struct Generated {
    /// In bytes. Every size from 5 KiB is possible, and some smaller ones.
    pub size: u64,
    pub seed: u64,
}

impl Generated {
    /// The image in pieces of at most a mebibyte.
    pub fn pieces(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        self.pieces_from(0)
    }

    fn pieces_from(self, start: u64) -> impl Iterator<Item = Bytes> + Send + 'static {
        let mut stored = Stored::at(self, start);
        let mut remaining = self.size - start;
        std::iter::from_fn(move || {
            let length = usize::try_from(remaining.min(PIECE)).unwrap();
            let mut piece = vec![0; length];
            stored.read_exact(&mut piece).unwrap();
            remaining -= length as u64;
            (length > 0).then(|| piece.into())
        })
    }

    /// The image as a whole.
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        Stored::at(self, 0).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// The SHA-256 of the image, as hexadecimal digits.
    pub fn digest(self) -> String {
        let mut hash = Sha256::new();
        self.pieces().for_each(|piece| hash.update(&piece));
        Digest::from_bytes(hash.finalize().into()).to_string()
    }

    /// The SHA-256 of the tar.
    fn fingerprint(self) -> Fingerprint {
        let mut hash = Sha256::new();
        let mut tar = self.tar(0);
        let mut buffer = vec![0; usize::try_from(PIECE).unwrap()];
        loop {
            match tar.read(&mut buffer).unwrap() {
                0 => return Fingerprint::from_bytes(hash.finalize().into()),
                count => hash.update(&buffer[..count]),
            }
        }
    }

    /// The description of the image.
    pub fn info(self) -> ImageInfo {
        ImageInfo {
            fingerprint: self.fingerprint(),
            digest: self.digest().parse().unwrap(),
            size: self.size,
        }
    }

    /// The tar from an offset in its first part: the header and the content of the large file.
    fn tar(self, offset: u64) -> Box<dyn Read + Send> {
        let file = Layout::of(self.size).file();
        let mut end = header("manifest.yaml", MANIFEST.len() as u64);
        end.extend_from_slice(MANIFEST.as_bytes());
        end.resize(usize::try_from(FIXED - SECTOR).unwrap(), 0);
        let mut start = io::Cursor::new(header("content", file));
        start.set_position(offset.min(SECTOR));
        let skipped = offset.saturating_sub(SECTOR);
        let noise = Noise::new(self.seed).skip(skipped).take(file - skipped);
        Box::new(start.chain(noise).chain(io::Cursor::new(end)))
    }

    /// Starts an upload that declares a digest, and returns its path.
    pub fn start_upload(self, publisher: &TestClient, digest: &str) -> String {
        let metadata = format!("digest {}", base64(digest));
        let length = self.size.to_string();
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-length", &*length),
            ("upload-metadata", &*metadata),
        ];
        let created = publisher.send("POST", "/1.0/uploads", &headers, Vec::new());
        assert_eq!(created.status, 201, "{}", created.text());
        let location = &created.headers["location"];
        location[location.find("/1.0/").unwrap()..].to_owned()
    }

    /// Sends all of it in one request. Returns the status.
    pub fn send_to(self, publisher: &TestClient, upload: &str) -> u16 {
        self.send_part(publisher, upload, 0..self.size)
    }

    /// Sends a part of it in one request. The part has whole mebibytes, or ends at the end of the content.
    /// Returns the status.
    pub fn send_part(self, publisher: &TestClient, upload: &str, part: Range<u64>) -> u16 {
        let count = usize::try_from((part.end - part.start).div_ceil(PIECE)).unwrap();
        let offset = part.start.to_string();
        let length = (part.end - part.start).to_string();
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-offset", &*offset),
            ("content-type", "application/offset+octet-stream"),
            ("content-length", &*length),
        ];
        let pieces = self.pieces_from(part.start).take(count);
        publisher.send_stream("PATCH", upload, &headers, pieces)
    }
}

fn header(path: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_path(path).unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// How an image reaches its size.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// The size of the tar.
    tar: u64,
    /// The number of empty blocks in the last frame.
    empty_blocks: u64,
}

impl Layout {
    /// The size of the large file.
    fn file(self) -> u64 {
        self.tar - FIXED
    }

    /// Sectors and empty blocks together reach every size.
    fn of(size: u64) -> Self {
        let mut tar = size / SECTOR * SECTOR;
        while tar + overhead(tar) > size
            || !(size - tar - overhead(tar)).is_multiple_of(BLOCK_HEADER)
        {
            tar -= SECTOR;
        }
        assert!(tar > FIXED, "an image cannot have {size} bytes");
        Self {
            tar,
            empty_blocks: (size - tar - overhead(tar)) / BLOCK_HEADER,
        }
    }
}

/// The number of stored bytes that are not bytes of the tar.
fn overhead(tar: u64) -> u64 {
    let frames = tar.div_ceil(FRAME);
    let blocks = tar / FRAME * (FRAME / BLOCK) + (tar % FRAME).div_ceil(BLOCK);
    frames * (FRAME_HEADER + TABLE_ENTRY) + blocks * BLOCK_HEADER + TABLE
}

/// Reads an image in its stored form: Zstandard frames with raw blocks, and their table.
struct Stored {
    tar: Box<dyn Read + Send>,
    /// The number of tar bytes that are not read yet.
    remaining: u64,
    empty_blocks: u64,
    entries: Vec<u8>,
    is_ended: bool,
    buffer: io::Cursor<Vec<u8>>,
}

impl Stored {
    /// The image from an offset on.
    fn at(image: Generated, offset: u64) -> Self {
        let layout = Layout::of(image.size);
        let frame = FRAME_HEADER + FRAME / BLOCK * BLOCK_HEADER + FRAME;
        // These have nothing but the first part of the tar.
        let skipped = (offset / frame).min((SECTOR + layout.file()) / FRAME);
        let sizes = [frame, FRAME].map(|size| u32::try_from(size).unwrap().to_le_bytes());
        let mut stored = Self {
            tar: image.tar(skipped * FRAME),
            remaining: layout.tar - skipped * FRAME,
            empty_blocks: layout.empty_blocks,
            entries: sizes.concat().repeat(usize::try_from(skipped).unwrap()),
            is_ended: false,
            buffer: io::Cursor::default(),
        };
        let rest = (&mut stored).take(offset - skipped * frame);
        io::copy(&mut { rest }, &mut io::sink()).unwrap();
        stored
    }

    fn next_frame(&mut self) -> io::Result<Vec<u8>> {
        const SINGLE_SEGMENT_WITH_SIZE: u8 = 0xa0;
        let mut content = self.remaining.min(FRAME);
        let content_size = u32::try_from(content).unwrap().to_le_bytes();
        self.remaining -= content;
        let mut frame = 0xfd2f_b528_u32.to_le_bytes().to_vec();
        frame.push(SINGLE_SEGMENT_WITH_SIZE);
        frame.extend_from_slice(&content_size);
        if self.remaining == 0 {
            (0..self.empty_blocks).for_each(|_| frame.extend_from_slice(&block_header(0, false)));
        }
        while content > 0 {
            let block = content.min(BLOCK);
            content -= block;
            frame.extend_from_slice(&block_header(block, content == 0));
            let start = frame.len();
            frame.resize(start + usize::try_from(block).unwrap(), 0);
            self.tar.read_exact(&mut frame[start..])?;
        }
        let stored_size = u32::try_from(frame.len()).unwrap().to_le_bytes();
        self.entries.extend_from_slice(&stored_size);
        self.entries.extend_from_slice(&content_size);
        Ok(frame)
    }

    fn table(&mut self) -> Vec<u8> {
        let frames = u32::try_from(self.entries.len() as u64 / TABLE_ENTRY).unwrap();
        let size = u32::try_from(self.entries.len() + 9).unwrap();
        let mut table = 0x184d_2a5e_u32.to_le_bytes().to_vec();
        table.extend_from_slice(&size.to_le_bytes());
        table.append(&mut self.entries);
        table.extend_from_slice(&frames.to_le_bytes());
        table.push(0);
        table.extend_from_slice(&0x8f92_eab1_u32.to_le_bytes());
        table
    }
}

/// The header of a raw block.
fn block_header(size: u64, is_last: bool) -> [u8; 3] {
    let [b0, b1, b2, ..] = (size << 3 | u64::from(is_last)).to_le_bytes();
    [b0, b1, b2]
}

impl Read for Stored {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.buffer.read(to)?;
            if count > 0 || self.is_ended {
                return Ok(count);
            }
            let next = if self.remaining > 0 {
                self.next_frame()?
            } else {
                self.is_ended = true;
                self.table()
            };
            self.buffer = io::Cursor::new(next);
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;

    base64::prelude::BASE64_STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: u64, seed: u64) -> Vec<u8> {
        Generated { size, seed }.bytes()
    }

    #[test]
    fn generated_image_depends_on_size_and_seed() {
        let size = (2 << 20) + 7;
        assert_eq!(content(size, 1), content(size, 1));
        assert_ne!(content(size, 1), content(size, 2));
        let pieces = Generated { size, seed: 1 }.pieces();
        let pieces: Vec<_> = pieces.flat_map(|piece| piece.to_vec()).collect();
        assert_eq!(pieces, content(size, 1));
    }

    #[test]
    fn generated_image_continues_at_every_offset() {
        for size in [5120, (3 << 20) + 40, (3 << 20) + 1200, (4 << 20) + 9] {
            let (image, all) = (Generated { size, seed: 1 }, content(size, 1));
            for start in (0..size).step_by(99_991).chain([1 << 20, size - 1]) {
                let start = start.min(size - 1);
                let rest: Vec<_> = image.pieces_from(start).flatten().collect();
                let from = usize::try_from(start).unwrap();
                assert!(rest == all[from..], "{size} from {start}");
            }
        }
    }

    #[test]
    fn generated_image_has_its_size_and_fingerprint() {
        let near_a_mebibyte = (1 << 20) - 3..(1 << 20) + 40;
        for size in (5120..5120 + 600).step_by(7).chain(near_a_mebibyte) {
            let stored = content(size, 1);
            assert_eq!(stored.len() as u64, size);
            let limits = aar_package::Limits::DEFAULT;
            let checked = aar_package::check_image(&*stored, size, &limits).unwrap();
            let fingerprint = Generated { size, seed: 1 }.fingerprint();
            assert_eq!(checked.fingerprint, fingerprint, "{size}");
        }
    }
}
