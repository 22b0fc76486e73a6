//! Sparse files: only the parts that are not zeros are in the archive, with a map of their positions.

use std::{
    io::{self, Read},
    sync::Arc,
};

/// The number of parts of one file.
const MAX_SEGMENTS: usize = 100_000;

/// The parts of a sparse file. Its content follows in the archive without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SparseMap {
    /// The offsets and the lengths.
    segments: Arc<[(u64, u64)]>,
}

impl SparseMap {
    /// Parses pairs of offsets and lengths.
    pub(super) fn new(numbers: &[u64], size: u64) -> io::Result<Self> {
        let (pairs, tail) = numbers.as_chunks();
        let segments: Arc<[_]> = pairs
            .iter()
            .map(|[offset, length]| (*offset, *length))
            .collect();
        let mut end = 0;
        for (offset, length) in segments.iter() {
            let next = offset.checked_add(*length).filter(|next| *next <= size);
            end = next.filter(|_| *offset >= end).ok_or_else(malformed)?;
        }
        if !tail.is_empty() || segments.len() > MAX_SEGMENTS {
            return Err(malformed());
        }
        Ok(Self { segments })
    }

    /// The size of the content in the archive.
    pub(crate) fn stored(&self) -> u64 {
        self.segments.iter().map(|(_, length)| length).sum()
    }

    /// A reader of the whole file.
    pub(crate) fn reader<R: Read>(&self, stored: R, size: u64) -> SparseReader<R> {
        SparseReader {
            stored,
            map: self.clone(),
            next: 0,
            position: 0,
            size,
        }
    }
}

pub(crate) struct SparseReader<R> {
    stored: R,
    map: SparseMap,
    /// The index of the first segment that is not read to its end.
    next: usize,
    position: u64,
    size: u64,
}

impl<R: Read> Read for SparseReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ended = |segment: &&(u64, u64)| segment.0 + segment.1 <= self.position;
        let segments = self.map.segments.get(self.next..).unwrap_or_default();
        self.next += segments.iter().take_while(ended).count();
        let segment = self.map.segments.get(self.next).copied();
        let (in_gap, end) = match segment {
            Some((offset, _)) if offset > self.position => (true, offset),
            Some((offset, length)) => (false, offset + length),
            None => (true, self.size),
        };
        let left = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let buffer = &mut buffer[..length];
        let count = if in_gap {
            buffer.fill(0);
            length
        } else {
            self.stored.read(buffer)?
        };
        self.position += count as u64;
        Ok(count)
    }
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the map of a sparse file is malformed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_read_as_zeros() {
        let map = SparseMap::new(&[2, 3, 5, 0, 7, 1, 9, 0], 9).unwrap();
        assert_eq!(map.stored(), 4);
        let mut content = Vec::new();
        map.reader(&b"abcd"[..], 9)
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, b"\0\0abc\0\0d\0");
    }

    #[test]
    fn map_beyond_the_file_or_out_of_order_is_refused() {
        for numbers in [
            &[0, 10][..],
            &[5, 1, 4, 1],
            &[0, 3, 2, 1],
            &[u64::MAX, 2],
            &[1],
        ] {
            assert!(SparseMap::new(numbers, 9).is_err(), "{numbers:?}");
        }
    }
}
