//! Into which parts an upload is cut.
//!
//! S3 takes at most 10 000 parts of at least 5 MiB. The size follows from the declared length
//! alone, so every process that continues an upload cuts it at the same places. Up to 32 MiB it is
//! a power of two: requests of 32 MiB, which is what the client sends, end where a part ends.

/// The most parts that S3 takes.
pub(crate) const MOST: u64 = 10_000;
/// The smallest part that is sent: large enough that requests do not matter.
const SMALLEST: u64 = 8 << 20;
/// From here on sizes are multiples of it.
const STEP: u64 = 32 << 20;
/// How much of an upload may be on its way at a time.
const ON_THE_WAY: u64 = 32 << 20;
/// The largest object that S3 takes.
pub(crate) const LARGEST_OBJECT: u64 = 5 << 40;

/// The size of every part but the last.
pub(crate) fn size_of(length: u64) -> u64 {
    let needed = length.div_ceil(MOST).max(SMALLEST);
    if needed <= STEP {
        needed.next_power_of_two()
    } else {
        needed.next_multiple_of(STEP)
    }
}

/// How many parts are sent at the same time.
pub(crate) fn at_once(part_size: u64) -> usize {
    usize::try_from(ON_THE_WAY / part_size)
        .unwrap_or(1)
        .clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn ten_thousand_parts_always_suffice_and_none_is_too_small() {
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
            assert!(count <= MOST);
        }
    }

    #[test]
    fn what_is_on_the_way_is_bounded() {
        for (size, expected) in [(8 * MIB, 4), (16 * MIB, 2), (32 * MIB, 1), (544 * MIB, 1)] {
            assert_eq!(at_once(size), expected);
        }
    }
}
