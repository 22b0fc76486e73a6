//! Checking an image by the rules by which images are made.
//!
//! The caller passes the stored bytes in order, in pieces of any size. The first byte that an image
//! of [`Package::write_image`](crate::Package::write_image) could not have ends the check, so
//! a hostile image costs no more than the start of it. Sizes that entries declare count before their
//! content arrives.
//!
//! The content of files is hashed and forgotten. The memory is that of the decompressor (8 MiB) and
//! the names of the entries, which [`Limits`] bounds.

mod content;
mod entries;
mod frames;
mod table;

use std::io::{self, Read};

use aar_types::Fingerprint;

use self::frames::FrameChecker;
use crate::{Error, Limits, Manifest};

pub(crate) use self::content::ContentChecker;

const BUFFER: usize = 256 << 10;

/// Checks an image while its bytes arrive.
pub struct ImageChecker<'l> {
    frames: FrameChecker,
    content: ContentChecker<'l>,
}

/// The properties of an image that passed the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedImage {
    pub fingerprint: Fingerprint,
    /// The manifest, as the publisher wrote it: without the metadata of the APK.
    pub manifest: Manifest,
}

impl<'l> ImageChecker<'l> {
    /// Starts the check of an image with this many stored bytes. The size limits what the content
    /// may expand to.
    pub fn new(size: u64, limits: &'l Limits) -> Result<Self, Error> {
        Ok(Self {
            frames: FrameChecker::new()?,
            content: ContentChecker::new(size, limits),
        })
    }

    /// Checks the next stored bytes. After an error, the image is refused.
    pub fn push(&mut self, stored: &[u8]) -> Result<(), Error> {
        let Self { frames, content } = self;
        frames.push(stored, &mut |bytes| content.push(bytes))
    }

    /// Ends the check after the last byte.
    pub fn finish(self) -> Result<CheckedImage, Error> {
        self.frames.finish()?;
        self.content.finish()
    }
}

/// Checks an image of this many stored bytes from start to end. [`Error::Io`] is an error of the
/// reader; every other error refuses the image.
pub fn check_image(
    mut image: impl Read,
    size: u64,
    limits: &Limits,
) -> Result<CheckedImage, Error> {
    let mut checker = ImageChecker::new(size, limits)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match image.read(&mut buffer) {
            Ok(0) => return checker.finish(),
            Ok(count) => checker.push(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
