//! The table of the frames, compared by a hash so that it is not held.

use sha2::{Digest as _, Sha256};

use crate::Error;

/// The sizes of a frame that passed.
const ENTRY: u64 = 8;
/// The size of the table before its entries.
const SIZE: u64 = 4;

/// The entries that the table must have.
#[derive(Default)]
pub(super) struct FrameList {
    count: u32,
    entries: Sha256,
}

impl FrameList {
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn add(&mut self, compressed: u32, content: u32) {
        self.count += 1;
        self.entries.update(compressed.to_le_bytes());
        self.entries.update(content.to_le_bytes());
    }
}

/// Compares the table, from after its magic number, with the list.
pub(super) struct TableChecker {
    list: FrameList,
    position: u64,
    entries: Sha256,
    /// The size and the footer.
    fields: Vec<u8>,
}

impl TableChecker {
    pub(super) fn new(list: FrameList) -> Self {
        Self {
            list,
            position: 0,
            entries: Sha256::new(),
            fields: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let entries_end = SIZE + self.entries_size();
        for (end, is_entries) in [
            (SIZE, false),
            (entries_end, true),
            (entries_end + footer(0).len() as u64, false),
        ] {
            let left = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let (part, tail) = bytes.split_at(left.min(bytes.len()));
            if is_entries {
                self.entries.update(part);
            } else {
                self.fields.extend_from_slice(part);
            }
            self.position += part.len() as u64;
            bytes = tail;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        Err(Error::image("there is content after its seek table"))
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        let footer = footer(self.list.count);
        let size = self.entries_size() + footer.len() as u64;
        let size = u32::try_from(size).unwrap_or_default().to_le_bytes();
        let entries = self.entries.finalize() == self.list.entries.finalize();
        if entries && self.fields == [&size[..], &footer].concat() {
            return Ok(());
        }
        Err(Error::image("its seek table does not fit its frames"))
    }

    fn entries_size(&self) -> u64 {
        ENTRY * u64::from(self.list.count)
    }
}

/// The number of frames, the descriptor of a table without checksums, and the magic number.
fn footer(count: u32) -> [u8; 9] {
    let [c0, c1, c2, c3] = count.to_le_bytes();
    let [m0, m1, m2, m3] = zeekstd::SEEKABLE_MAGIC_NUMBER.to_le_bytes();
    [c0, c1, c2, c3, 0, m0, m1, m2, m3]
}
