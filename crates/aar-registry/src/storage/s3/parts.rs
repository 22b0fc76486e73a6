//! The sizes of the parts of an upload.
//!
//! S3 accepts at most 10 000 parts of at least 5 MiB. The size depends only on the announced length, so every
//! process that continues an upload uses the same boundaries. Up to 32 MiB it is a power of two: the requests
//! of 32 MiB that the client sends end at the end of a part.

const MAX_COUNT: u64 = 10_000;
/// Large enough that the number of requests does not matter.
const SMALLEST: u64 = 8 << 20;
/// Larger sizes are multiples of it.
const STEP: u64 = 32 << 20;
/// The limit for one upload.
const MAX_BYTES_IN_FLIGHT: u64 = 32 << 20;
/// The limit of S3.
pub(super) const LARGEST_OBJECT: u64 = 5 << 40;

/// The size of every part except the last.
pub(super) fn size_of(length: u64) -> u64 {
    let needed = length.div_ceil(MAX_COUNT).max(SMALLEST);
    if needed <= STEP {
        needed.next_power_of_two()
    } else {
        needed.next_multiple_of(STEP)
    }
}

/// The number of parts of an upload in flight.
pub(super) fn in_flight(part_size: u64) -> usize {
    usize::try_from(MAX_BYTES_IN_FLIGHT / part_size)
        .unwrap_or(1)
        .clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn parts_are_at_most_ten_thousand_and_none_is_too_small() {
        for (length, part_size, count) in [
            (1, 8 * MIB, 1),
            (8 * MIB, 8 * MIB, 1),
            (8 * MIB + 1, 8 * MIB, 2),
            (5 * GIB - 1, 8 * MIB, 640),
            (5 * GIB, 8 * MIB, 640),
            (5 * GIB + 1, 8 * MIB, 641),
            (10_000 * 8 * MIB, 8 * MIB, 10_000),
            (10_000 * 8 * MIB + 1, 16 * MIB, 5_001),
            (10_000 * 32 * MIB, 32 * MIB, 10_000),
            (10_000 * 32 * MIB + 1, 64 * MIB, 5_001),
            (LARGEST_OBJECT, 544 * MIB, 9_638),
        ] {
            let size = size_of(length);
            assert_eq!(size, part_size, "{length}");
            assert_eq!(length.div_ceil(size), count, "{length}");
            assert!(count <= MAX_COUNT);
        }
    }

    #[test]
    fn bytes_in_flight_are_bounded() {
        for (size, expected) in [(8 * MIB, 4), (16 * MIB, 2), (32 * MIB, 1), (544 * MIB, 1)] {
            assert_eq!(in_flight(size), expected);
        }
    }
}
