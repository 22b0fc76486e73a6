//! The parts of a file that are there.

use std::{collections::BTreeMap, ops::Range};

/// Ranges of bytes, in order; neighbours are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extents(BTreeMap<u64, u64>);

impl Extents {
    pub(super) fn prefix_of(length: u64) -> Self {
        let mut extents = Self::default();
        extents.insert(0..length);
        extents
    }

    pub(super) fn insert(&mut self, added: Range<u64>) {
        if added.is_empty() {
            return;
        }
        let Range { mut start, mut end } = added;
        // From the back: those that overlap or touch the new range.
        while let Some((&other, &other_end)) = self.0.range(..=end).next_back()
            && other_end >= start
        {
            self.0.remove(&other);
            start = start.min(other);
            end = end.max(other_end);
        }
        self.0.insert(start, end);
    }

    /// How many bytes are there from the start on without a gap.
    pub(super) fn prefix(&self) -> u64 {
        self.0.get(&0).copied().unwrap_or(0)
    }

    pub(super) fn is_prefix(&self) -> bool {
        self.0.keys().all(|start| *start == 0)
    }

    pub(super) fn total(&self) -> u64 {
        self.iter().map(|range| range.end - range.start).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(|(start, end)| *start..*end)
    }

    /// The missing parts of a file of a size.
    pub(super) fn gaps(&self, size: u64) -> Self {
        let mut gaps = Self::default();
        let mut at = 0;
        for present in self.iter() {
            gaps.insert(at..present.start);
            at = present.end;
        }
        gaps.insert(at..size);
        gaps
    }

    pub(super) fn first(&self) -> Option<Range<u64>> {
        self.iter().next()
    }

    /// Removes up to `length` bytes from the front of the first range, and returns what was removed.
    pub(super) fn take_front(&mut self, length: u64) -> Option<Range<u64>> {
        let (start, end) = self.0.pop_first()?;
        let cut = end.min(start.saturating_add(length));
        self.insert(cut..end);
        Some(start..cut)
    }

    /// Removes and returns the range that starts at an offset.
    pub(super) fn take_at(&mut self, start: u64) -> Option<Range<u64>> {
        self.0.remove(&start).map(|end| start..end)
    }
}

impl FromIterator<Range<u64>> for Extents {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut extents = Self::default();
        for range in ranges {
            extents.insert(range);
        }
        extents
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn extents_and_their_gaps_are_the_file(ranges in prop::collection::vec((0_u64..60, 0_u64..60), 0..12)) {
            let ranges = ranges.into_iter().map(|(a, b)| a.min(b)..a.max(b));
            let ranges: Vec<_> = ranges.collect();
            let extents: Extents = ranges.iter().cloned().collect();
            let gaps = extents.gaps(64);
            let has = |extents: &Extents, at| extents.iter().any(|range| range.contains(&at));
            for at in 0..64 {
                let added = ranges.iter().any(|range| range.contains(&at));
                assert_eq!(has(&extents, at), added);
                assert_eq!(has(&gaps, at), !added);
            }
            let ends: Vec<_> = extents.iter().collect();
            assert!(ends.windows(2).all(|pair| pair[0].end < pair[1].start));
            assert_eq!(extents.total() + gaps.total(), 64);
        }
    }

    #[test]
    fn front_is_taken_in_pieces() {
        let mut gaps: Extents = [2..5, 8..9].into_iter().collect();
        let taken = [gaps.take_front(2), gaps.take_front(2), gaps.take_front(2)];
        assert_eq!(taken, [Some(2..4), Some(4..5), Some(8..9)]);
        assert_eq!(gaps.take_front(2), None);
    }
}
