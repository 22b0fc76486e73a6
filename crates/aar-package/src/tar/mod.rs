//! A reader for tar files of any origin, and a writer for the canonical form.

mod pax;
mod read;
mod sparse;
mod write;

pub(crate) use read::{Skip, TarEntry, TarEntryType, TarReader, has_checksum, unexpected_end};
pub(crate) use sparse::SparseMap;
pub(crate) use write::TarWriter;

pub(crate) const BLOCK: u64 = 512;

/// The number of zero bytes that fill the last block of content of this size.
pub(crate) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}
