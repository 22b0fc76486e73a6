//! The record of what a partial file has, if that is not just its beginning: after the place of the
//! content, in two slots that are written in turn. A slot that a power cut has spoilt does not count, and
//! the other one is older, so it promises less.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use fs_err::File;

use super::extents::Extents;

const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"extents1";
/// Magic, checksum, sequence, number of extents.
const HEAD: usize = 8 + 32 + 8 + 8;
/// Ranges that do not fit are received again.
const MAX_EXTENTS: usize = (SLOT - HEAD) / 16;

/// The length of a partial file with a tail.
pub(super) fn length_with_tail(image_size: u64) -> u64 {
    image_size.saturating_add(2 * SLOT as u64)
}

/// The newest record, with its sequence number.
pub(super) fn read(file: &mut File, image_size: u64) -> io::Result<Option<(u64, Extents)>> {
    let mut slots = [0; 2 * SLOT];
    file.seek(SeekFrom::Start(image_size))?;
    file.read_exact(&mut slots)?;
    let (first, second) = slots.split_at(SLOT);
    let records = [decode(first, image_size), decode(second, image_size)];
    Ok(records
        .into_iter()
        .flatten()
        .max_by_key(|(sequence, _)| *sequence))
}

/// Writes a record over the older one.
pub(super) fn write(
    file: &mut File,
    image_size: u64,
    sequence: u64,
    extents: &Extents,
) -> io::Result<()> {
    let slot = (sequence % 2) * SLOT as u64;
    file.seek(SeekFrom::Start(image_size + slot))?;
    file.write_all(&encode(sequence, extents))
}

fn encode(sequence: u64, extents: &Extents) -> Vec<u8> {
    let kept: Vec<Range<u64>> = extents.iter().take(MAX_EXTENTS).collect();
    let ranges = kept.iter().flat_map(|range| [range.start, range.end]);
    let numbers = [sequence, kept.len() as u64].into_iter().chain(ranges);
    let mut body: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    body.resize(SLOT - 40, 0);
    [MAGIC, aar_fs::digest_of(&body).as_bytes().as_slice(), &body].concat()
}

fn decode(slot: &[u8], image_size: u64) -> Option<(u64, Extents)> {
    let rest = slot.strip_prefix(MAGIC)?;
    let (checksum, body) = rest.split_at_checked(32)?;
    if aar_fs::digest_of(body).as_bytes() != checksum {
        return None;
    }
    let (words, _) = body.as_chunks::<8>();
    let mut numbers = words.iter().map(|word| u64::from_le_bytes(*word));
    let (sequence, count) = (numbers.next()?, numbers.next()?);
    let mut ranges = (0..count).map(|_| Some(numbers.next()?..numbers.next()?));
    let extents = ranges.by_ref().collect::<Option<Extents>>()?;
    let fits = extents.iter().all(|range| range.end <= image_size);
    fits.then_some((sequence, extents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoilt_slot_leaves_the_older_record() {
        let mut file = File::from_parts(tempfile::tempfile().unwrap(), "partial");
        file.set_len(length_with_tail(1000)).unwrap();
        assert_eq!(read(&mut file, 1000).unwrap(), None);
        let older: Extents = [0..10, 20..30].into_iter().collect();
        let newer: Extents = [0..15, 20..40].into_iter().collect();
        write(&mut file, 1000, 1, &older).unwrap();
        write(&mut file, 1000, 2, &newer).unwrap();
        assert_eq!(read(&mut file, 1000).unwrap(), Some((2, newer)));
        for spoilt in [0, 41, 70, 4000] {
            write(&mut file, 1000, 2, &Extents::default()).unwrap();
            file.seek(SeekFrom::Start(1000 + spoilt)).unwrap();
            file.write_all(b"?").unwrap();
            let left = read(&mut file, 1000).unwrap();
            assert_eq!(left, Some((1, older.clone())), "{spoilt}");
        }
    }

    #[test]
    fn record_of_another_size_does_not_count() {
        let mut file = File::from_parts(tempfile::tempfile().unwrap(), "partial");
        file.set_len(length_with_tail(1000)).unwrap();
        write(&mut file, 1000, 1, &Extents::prefix_of(1001)).unwrap();
        assert_eq!(read(&mut file, 1000).unwrap(), None);
    }

    #[test]
    fn more_extents_than_fit_are_left_out() {
        let many: Extents = (0..1000).map(|at| at * 3..at * 3 + 1).collect();
        let (_, kept) = decode(&encode(7, &many), 10_000).unwrap();
        assert_eq!(kept.iter().count(), MAX_EXTENTS);
        assert!(kept.iter().all(|range| many.iter().any(|it| it == range)));
    }
}
