//! The seekable Zstandard format: independent frames of 1 MiB of content, and a table of them in a
//! trailing frame that plain decompressors skip.
//!
//! Frames are compressed and decompressed on all cores. The result does not depend on how many
//! there are: every frame is made of the same bytes, with the same parameters, by itself.

mod lanes;
mod read;
mod write;

pub(crate) use lanes::{LaneReceiver, LaneSender, join, lanes, width};
pub(crate) use read::{Frame, FrameReader, Frames, decompress_frame};
pub(crate) use write::write_image;

/// How much content a frame holds; the last one holds the rest.
const FRAME: usize = 1 << 20;
