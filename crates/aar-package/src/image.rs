use std::{path::Path, sync::atomic::AtomicBool};

use aar_types::ImageInfo;

use crate::{Error, Manifest};

/// Checks a stored image against what it should be.
pub fn verify_image(path: &Path, expected: &ImageInfo) -> Result<(), Error> {
    todo!("{path:?} {expected:?}")
}
/// Reads the manifest out of a stored image.
pub fn read_image_manifest(path: &Path) -> Result<Manifest, Error> {
    todo!("{path:?}")
}
/// Writes an image with the content of another one and a changed manifest.
pub fn rewrite_image(
    from: &Path,
    manifest: &Manifest,
    to: &Path,
    progress: &dyn Fn(u64),
    cancelled: &AtomicBool,
) -> Result<ImageInfo, Error> {
    progress(0);
    todo!("{from:?} {manifest:?} {to:?} {cancelled:?}")
}
