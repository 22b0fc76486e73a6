//! Tar files: a reader that trusts nothing, and the writer of the canonical form.

mod pax;
mod read;
mod write;

pub(crate) use read::{Member, MemberKind, Skip, TarReader, cut_short};
pub(crate) use write::TarWriter;

/// The unit in which tar files are written.
const BLOCK: u64 = 512;

/// How many zero bytes fill up the last block of content of this size.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}
