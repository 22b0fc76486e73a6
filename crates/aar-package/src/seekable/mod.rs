//! The seekable Zstandard format: independent frames with 1 MiB of content each, and a table of the
//! frames in a trailing frame that other decompressors skip.
//!
//! Frames are compressed and decompressed on all cores. The result does not depend on the number of
//! cores: each frame is made of the same content, with the same parameters, independent of others.

mod read;
mod workers;
mod write;

pub(crate) use read::{
    FrameInfo, FrameReader, MAX_FRAME, MAX_FRAMES, SeekableFile, decompress_frame,
};
pub(crate) use workers::{Results, WorkQueue, join, ordered_workers, worker_count};
pub(crate) use write::write_image;

/// The content size of a frame; the last frame holds the remainder.
const FRAME: usize = 1 << 20;
