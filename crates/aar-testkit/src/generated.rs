use std::{io::Read, ops::Range};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{Http, package::Noise};

const PIECE: u64 = 1 << 20;

/// Content of any size that is made when it is needed and is nowhere as a whole. The same seed and
/// size give the same content.
#[derive(Debug, Clone, Copy)]
pub struct Generated {
    /// How many bytes it has.
    pub size: u64,
    /// What it depends on.
    pub seed: u64,
}

impl Generated {
    /// Its pieces.
    pub fn pieces(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        let mut noise = Noise::new(self.seed).take(self.size);
        let mut left = self.size;
        std::iter::from_fn(move || {
            let length = usize::try_from(left.min(PIECE)).unwrap();
            let mut piece = vec![0; length];
            noise.read_exact(&mut piece).unwrap();
            left -= length as u64;
            (length > 0).then(|| piece.into())
        })
    }

    /// Its SHA-256, as hexadecimal digits.
    pub fn digest(self) -> String {
        let mut hash = Sha256::new();
        self.pieces().for_each(|piece| hash.update(&piece));
        aar_types::Digest::from_bytes(hash.finalize().into()).to_string()
    }

    /// Begins an upload that declares a digest, and gives its path.
    pub fn begin_upload(self, publisher: &Http, digest: &str) -> String {
        let metadata = format!("digest {}", base64(digest));
        let length = self.size.to_string();
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-length", &*length),
            ("upload-metadata", &*metadata),
        ];
        let begun = publisher.send("POST", "/1.0/uploads", &headers, Vec::new());
        assert_eq!(begun.status, 201, "{}", begun.text());
        let location = &begun.headers["location"];
        location[location.find("/1.0/").unwrap()..].to_owned()
    }

    /// Sends all of it in one request. Gives the status of the answer.
    pub fn send_to(self, publisher: &Http, upload: &str) -> u16 {
        self.send_part(publisher, upload, 0..self.size)
    }

    /// Sends a part of it in one request. It begins at a multiple of a mebibyte, and ends at one or
    /// at the end.
    pub fn send_part(self, publisher: &Http, upload: &str, part: Range<u64>) -> u16 {
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
    fn content_is_what_its_size_and_seed_say() {
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
