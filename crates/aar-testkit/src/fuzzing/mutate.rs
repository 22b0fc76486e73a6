//! Changes to files: those of a medium that fails, and those of an attacker who knows what parsers trust.

use std::ops::Range;

use crate::SoakRound;

const MAX_CHANGES: u64 = 6;
/// The longest part that is moved, copied or deleted.
const MAX_PART: usize = 1024;
const MAX_LENGTH: usize = 256 << 10;
/// Bytes that have a meaning in one of the formats: ends of numbers, quotes, separators, escapes.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\n\r\t \"'\\/.,:;-+*&!|>%@#{}[]()<>=09azAZ";
/// Texts that parsers or the users of their results trust too much.
const TEXTS: &[&str] = &[
    "../",
    "/",
    "\u{202e}",
    "\u{1b}[2J",
    "\u{feff}",
    "\r\n",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "&a [*a, *a]",
    "<<: *a",
    "\\u0000",
    "\\ud800",
    "__proto__",
];
const NUMBERS: &[u64] = &[
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// A file of the corpus with a few changes.
pub(super) fn mutant(corpus: &[Vec<u8>], round: &mut SoakRound) -> Vec<u8> {
    let mut bytes = pick(corpus, round).clone();
    for _ in 0..=round.random_below(MAX_CHANGES) {
        change(&mut bytes, corpus, round);
        bytes.truncate(MAX_LENGTH);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], round: &mut SoakRound) {
    let part = part(bytes, round);
    match round.random_below(8) {
        0 => flip_bit(bytes, round),
        1 => drop(bytes.splice(part.start..part.start, [*pick(BYTES, round)])),
        2 => set(bytes, part.start, &[*pick(BYTES, round)]),
        3 => set(bytes, part.start, &number(round)),
        4 => drop(bytes.drain(part)),
        5 => insert(bytes, pick(TEXTS, round).as_bytes(), round),
        6 => {
            let copy = bytes[part].to_vec();
            insert(bytes, &copy, round);
        }
        _ => {
            let other = pick(corpus, round);
            let other = &other[self::part(other, round)];
            bytes.splice(part, other.iter().copied());
        }
    }
}

fn flip_bit(bytes: &mut [u8], round: &mut SoakRound) {
    let at = below(bytes.len().max(1), round);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << round.random_below(8);
    }
}

/// A number as a field of a binary format.
fn number(round: &mut SoakRound) -> Vec<u8> {
    let width = *pick(&[1, 2, 4, 8], round);
    let number = pick(NUMBERS, round);
    if round.random_below(2) == 0 {
        number.to_le_bytes()[..width].to_vec()
    } else {
        number.to_be_bytes()[8 - width..].to_vec()
    }
}

fn set(bytes: &mut [u8], at: usize, new: &[u8]) {
    let field = bytes.iter_mut().skip(at);
    field.zip(new).for_each(|(byte, new)| *byte = *new);
}

fn insert(bytes: &mut Vec<u8>, new: &[u8], round: &mut SoakRound) {
    let at = below(bytes.len() + 1, round);
    bytes.splice(at..at, new.iter().copied());
}

/// A part of the bytes, mostly a short one.
fn part(bytes: &[u8], round: &mut SoakRound) -> Range<usize> {
    let start = below(bytes.len() + 1, round);
    let longest = 1 << round.random_below(u64::from(MAX_PART.ilog2()) + 1);
    let length = below(longest + 1, round);
    start..bytes.len().min(start + length)
}

fn pick<'a, T>(from: &'a [T], round: &mut SoakRound) -> &'a T {
    &from[below(from.len(), round)]
}

fn below(limit: usize, round: &mut SoakRound) -> usize {
    usize::try_from(round.random_below(limit as u64)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak_rounds;

    #[test]
    fn mutants_differ_from_the_corpus_and_stay_short() {
        let corpus = [b"name: candy\n".to_vec(), vec![7; 100], Vec::new()];
        let mutants: Vec<_> = soak_rounds(1000)
            .map(|mut round| mutant(&corpus, &mut round))
            .collect();
        let changed = mutants.iter().filter(|mutant| !corpus.contains(mutant));
        assert!(changed.count() > mutants.len() / 2);
        let longest = MAX_LENGTH + MAX_PART;
        assert!(mutants.iter().all(|mutant| mutant.len() < longest));
    }
}
