//! SHA-256 of content while it is written or read.

use std::io::{self, Read, Write};

use aar_types::Digest;
use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};

const BUFFER_BYTES: usize = 1 << 20;

/// Computes a SHA-256 over pieces of content.
#[derive(Debug, Clone, Default)]
pub struct Sha256Hasher(Sha256);

impl Sha256Hasher {
    /// A hasher that has seen no content.
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues from a [saved](Self::save) state; `None` if `state` is not one.
    pub fn resume(state: &[u8]) -> Option<Self> {
        let state = SerializedState::<Sha256>::try_from(state).ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }

    /// The state, in a form that can be stored.
    pub fn save(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all pieces.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// Computes the SHA-256 and the length of what is written through it.
#[derive(Debug)]
pub struct HashingWriter<W> {
    writer: W,
    hasher: Sha256Hasher,
    length: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Writes to `writer`.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            hasher: Sha256Hasher::new(),
            length: 0,
        }
    }

    /// The writer, and the digest and length of what it has accepted. Flush first if the writer
    /// buffers.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.writer, self.hasher.finish(), self.length)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The SHA-256 of content in memory.
pub fn digest_of(content: &[u8]) -> Digest {
    let mut hasher = Sha256Hasher::new();
    hasher.update(content);
    hasher.finish()
}

/// Reads to the end and adds everything to the hasher. Returns the number of bytes.
pub fn hash_reader(mut reader: impl Read, hasher: &mut Sha256Hasher) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut length = 0;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        hasher.update(&buffer[..read]);
        length += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_the_sha256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of(b"abc").to_string(), abc);
    }

    #[test]
    fn pieces_have_the_hash_of_the_whole() {
        let mut hasher = Sha256Hasher::new();
        hasher.update(b"first part, ");
        hasher.update(b"second part");
        assert_eq!(hasher.finish(), digest_of(b"first part, second part"));
    }

    #[test]
    fn hash_continues_from_its_saved_state() {
        let mut hasher = Sha256Hasher::new();
        hasher.update(b"first part, ");
        let mut resumed = Sha256Hasher::resume(&hasher.save()).unwrap();
        resumed.update(b"second part");
        assert_eq!(resumed.finish(), digest_of(b"first part, second part"));
    }

    #[test]
    fn invalid_state_is_refused() {
        assert!(Sha256Hasher::resume(b"").is_none());
        assert!(Sha256Hasher::resume(&[0xff; 400]).is_none());
    }

    #[test]
    fn writer_hashes_only_what_was_accepted() {
        let mut room = [0; 5];
        let mut writer = HashingWriter::new(&mut room[..]);
        assert_eq!(writer.write(b"1234567").unwrap(), 5);
        let (_, digest, length) = writer.finish();
        assert_eq!((digest, length), (digest_of(b"12345"), 5));
        assert_eq!(&room, b"12345");
    }

    #[test]
    fn reader_is_hashed_to_its_end() {
        let content = vec![7; BUFFER_BYTES + 3];
        let mut hasher = Sha256Hasher::new();
        assert_eq!(
            hash_reader(&content[..], &mut hasher).unwrap(),
            content.len() as u64
        );
        assert_eq!(hasher.finish(), digest_of(&content));
    }
}
