//! Which bytes of an image are received, which are requested by which stream, and which by none.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

use super::{extents::Extents, pipeline::Chunk};

/// The smallest and the largest range of one of several requests.
const MIN_BLOCK: u64 = 1 << 20;
const MAX_BLOCK: u64 = 32 << 20;
/// How much is written at once: much where there is one stream, little where there are many.
const SOLE_CHUNK: usize = 1 << 20;
const CHUNK: usize = 64 << 10;

pub(super) struct Ranges {
    missing: Extents,
    requested: Vec<Requested>,
    received: u64,
    last_id: u64,
    /// A range that receives nothing for so long is requested again by another stream.
    silence: Duration,
}

struct Requested {
    id: u64,
    position: u64,
    end: u64,
    /// Where the response ends. Another stream may have taken over what is after `end`.
    response_end: u64,
    /// Received and not yet written; it ends at `position`.
    buffer: BytesMut,
    last_received: Instant,
}

/// The range of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) id: u64,
    pub(super) range: Range<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Appended {
    More,
    /// A chunk is full and has to be written.
    ChunkFull,
    /// Another stream receives what follows.
    TakenOver,
    /// The response is longer than its range.
    TooLong,
}

impl Ranges {
    pub(super) fn new(image_size: u64, present: &Extents, silence: Duration) -> Self {
        Self {
            missing: present.gaps(image_size),
            requested: Vec::new(),
            received: present.total(),
            last_id: 0,
            silence,
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    fn unreceived(&self) -> u64 {
        let requested = self.requested.iter().map(Requested::remaining);
        self.missing.total() + requested.sum::<u64>()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.unreceived() == 0
    }

    /// The next range for one of several streams; `None` if the others suffice.
    pub(super) fn claim(&mut self, streams: usize) -> Option<Claim> {
        if streams <= 1 {
            return self.claim_front(u64::MAX);
        }
        let block = self.unreceived() / (2 * streams as u64);
        let block = block.clamp(MIN_BLOCK, MAX_BLOCK);
        if self.missing.first().is_none() {
            self.split(block)?;
        }
        self.claim_front(block)
    }

    fn claim_front(&mut self, length: u64) -> Option<Claim> {
        let range = self.missing.take_front(length)?;
        self.last_id += 1;
        self.requested.push(Requested {
            id: self.last_id,
            position: range.start,
            end: range.end,
            response_end: range.end,
            buffer: BytesMut::new(),
            last_received: Instant::now(),
        });
        Some(Claim {
            id: self.last_id,
            range,
        })
    }

    /// Takes the rest from a silent stream, or the end from the one with the most to receive.
    fn split(&mut self, block: u64) -> Option<()> {
        let silence = self.silence;
        let silent = |it: &Requested| it.remaining() > 0 && it.last_received.elapsed() >= silence;
        let silent = self.requested.iter().position(silent);
        let longest = (0..self.requested.len()).max_by_key(|at| self.requested[*at].remaining());
        let from = &mut self.requested[silent.or(longest)?];
        let keep = match silent {
            Some(_) => 0,
            None if from.remaining() >= 2 * MIN_BLOCK => block.min(from.remaining() / 2),
            None => return None,
        };
        let end = from.position + keep;
        self.missing.insert(end..from.end);
        from.end = end;
        Some(())
    }

    /// Returns ranges without a stream to the streams whose responses contain them.
    pub(super) fn rejoin(&mut self) {
        for requested in &mut self.requested {
            if let Some(next) = self.missing.take_at(requested.end) {
                let end = next.end.min(requested.response_end).max(requested.end);
                self.missing.insert(end..next.end);
                requested.end = end;
            }
        }
    }

    fn find(&mut self, id: u64) -> Option<&mut Requested> {
        self.requested.iter_mut().find(|it| it.id == id)
    }

    pub(super) fn append(&mut self, id: u64, bytes: &[u8]) -> Appended {
        let full = match self.requested.len() {
            0 | 1 => SOLE_CHUNK,
            _ => CHUNK,
        };
        let Some(requested) = self.find(id) else {
            return Appended::TakenOver;
        };
        if bytes.len() as u64 > requested.response_end - requested.position {
            return Appended::TooLong;
        }
        let remaining = usize::try_from(requested.remaining()).unwrap_or(usize::MAX);
        let wanted = &bytes[..remaining.min(bytes.len())];
        let taken_over = wanted.len() < bytes.len();
        if requested.buffer.capacity() == 0 {
            requested.buffer.reserve(full + wanted.len());
        }
        requested.buffer.extend_from_slice(wanted);
        requested.position += wanted.len() as u64;
        requested.last_received = Instant::now();
        let is_full = requested.buffer.len() >= full;
        self.received += wanted.len() as u64;
        if taken_over {
            Appended::TakenOver
        } else if is_full {
            Appended::ChunkFull
        } else {
            Appended::More
        }
    }

    /// Whether a stream has received its range.
    pub(super) fn is_received(&mut self, id: u64) -> bool {
        self.find(id)
            .is_none_or(|requested| requested.remaining() == 0)
    }

    /// The bytes that a stream has received and not yet written.
    pub(super) fn take_chunk(&mut self, id: u64) -> Option<Chunk> {
        let requested = self.find(id)?;
        let bytes: Bytes = std::mem::take(&mut requested.buffer).freeze();
        let offset = requested.position - bytes.len() as u64;
        (!bytes.is_empty()).then_some(Chunk { offset, bytes })
    }

    /// Ends the claim of a stream whose chunks are taken. What it did not receive is missing again.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(at) = self.requested.iter().position(|it| it.id == id) {
            let ended = self.requested.swap_remove(at);
            self.missing.insert(ended.position..ended.end);
        }
    }

    /// The streams that hold claims.
    pub(super) fn claims(&self) -> Vec<u64> {
        self.requested.iter().map(|it| it.id).collect()
    }
}

impl Requested {
    fn remaining(&self) -> u64 {
        self.end - self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn ranges(size: u64) -> Ranges {
        Ranges::new(size, &Extents::default(), Duration::MAX)
    }

    #[test]
    fn sole_stream_requests_everything() {
        let mut ranges = ranges(100 * MIB);
        assert_eq!(ranges.claim(1).unwrap().range, 0..100 * MIB);
        assert_eq!(ranges.claim(1), None);
    }

    #[test]
    fn second_stream_takes_what_follows_the_next_block_of_the_first() {
        let mut ranges = ranges(100 * MIB);
        let first = ranges.claim(1).unwrap();
        assert_eq!(ranges.claim(2).unwrap().range, 25 * MIB..50 * MIB);
        let whole = vec![0; 26 << 20];
        assert_eq!(ranges.append(first.id, &whole), Appended::TakenOver);
        assert!(ranges.is_received(first.id));
        assert_eq!(ranges.received(), 25 * MIB);
    }

    #[test]
    fn streams_get_all_bytes_once_in_blocks_that_shrink() {
        let mut ranges = ranges(100 * MIB);
        let mut got = Extents::default();
        let mut claims = Vec::new();
        while let Some(claim) = ranges.claim(4) {
            let length = usize::try_from(claim.range.end - claim.range.start).unwrap();
            ranges.append(claim.id, &vec![0; length]);
            assert!(ranges.is_received(claim.id));
            ranges.release(claim.id);
            got.insert(claim.range.clone());
            claims.push(length);
        }
        assert!(ranges.is_complete());
        assert_eq!(got, Extents::prefix_of(100 * MIB));
        assert_eq!(claims.iter().sum::<usize>(), 100 << 20);
        assert!(claims.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn range_of_a_failed_stream_is_claimed_again() {
        let mut ranges = ranges(10 * MIB);
        let failed = ranges.claim(4).unwrap();
        ranges.append(failed.id, &[0; 10]);
        let chunk = ranges.take_chunk(failed.id).unwrap();
        assert_eq!((chunk.offset, chunk.bytes.len()), (0, 10));
        ranges.release(failed.id);
        assert_eq!(ranges.claim(4).unwrap().range.start, 10);
    }

    #[test]
    fn refused_range_returns_to_the_response_that_contains_it() {
        let mut ranges = ranges(100 * MIB);
        let first = ranges.claim(1).unwrap();
        let refused = ranges.claim(2).unwrap();
        ranges.release(refused.id);
        ranges.rejoin();
        assert_eq!(ranges.claim(1), None);
        assert_eq!(
            ranges.append(first.id, &vec![0; 100 << 20]),
            Appended::ChunkFull
        );
        assert!(ranges.is_received(first.id) && ranges.is_complete());
    }

    #[test]
    fn silent_stream_loses_the_rest_of_its_range_to_another() {
        let mut ranges = Ranges::new(100, &Extents::default(), Duration::ZERO);
        let silent = ranges.claim(1).unwrap();
        ranges.append(silent.id, &[0; 40]);
        assert_eq!(ranges.claim(2).unwrap().range, 40..100);
        assert_eq!(ranges.append(silent.id, &[0; 10]), Appended::TakenOver);
        assert_eq!(ranges.received(), 40);
    }

    #[test]
    fn response_beyond_its_range_is_too_long() {
        let mut ranges = ranges(10);
        let claim = ranges.claim(1).unwrap();
        assert_eq!(ranges.append(claim.id, &[0; 11]), Appended::TooLong);
    }
}
