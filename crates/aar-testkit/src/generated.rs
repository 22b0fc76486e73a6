use std::{io::Read, ops::Range};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{TestClient, package::Noise};

const PIECE: u64 = 1 << 20;

/// Content of any size that is generated while it is read and never held as a whole. The same seed and
/// size give the same content.
#[derive(Debug, Clone, Copy)]
pub struct Generated {
    /// In bytes.
    pub size: u64,
    pub seed: u64,
}

impl Generated {
    /// The content in pieces of at most a mebibyte.
    pub fn pieces(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        let mut noise = Noise::new(self.seed).take(self.size);
        let mut remaining = self.size;
        std::iter::from_fn(move || {
            let length = usize::try_from(remaining.min(PIECE)).unwrap();
            let mut piece = vec![0; length];
            noise.read_exact(&mut piece).unwrap();
            remaining -= length as u64;
            (length > 0).then(|| piece.into())
        })
    }

    /// The SHA-256, as hexadecimal digits.
    pub fn digest(self) -> String {
        let mut hash = Sha256::new();
        self.pieces().for_each(|piece| hash.update(&piece));
        aar_types::Digest::from_bytes(hash.finalize().into()).to_string()
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

    /// Sends a part of it in one request. The part starts at a multiple of a mebibyte, and ends at one or
    /// at the end of the content. Returns the status.
    pub fn send_part(self, publisher: &TestClient, upload: &str, part: Range<u64>) -> u16 {
        let skipped = usize::try_from(part.start / PIECE).unwrap();
        let count = usize::try_from((part.end - part.start).div_ceil(PIECE)).unwrap();
        let offset = part.start.to_string();
        let length = (part.end - part.start).to_string();
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-offset", &*offset),
            ("content-type", "application/offset+octet-stream"),
            ("content-length", &*length),
        ];
        let pieces = self.pieces().skip(skipped).take(count);
        publisher.send_stream("PATCH", upload, &headers, pieces)
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;

    base64::prelude::BASE64_STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_content_depends_on_size_and_seed() {
        let content = |size, seed| {
            let pieces = Generated { size, seed }.pieces();
            pieces.flat_map(|piece| piece.to_vec()).collect::<Vec<u8>>()
        };
        let size = (2 << 20) + 7;
        assert_eq!(content(size, 1).len() as u64, size);
        assert_eq!(content(size, 1), content(size, 1));
        assert_ne!(content(size, 1), content(size, 2));
        assert!(content(0, 1).is_empty());
    }
}
