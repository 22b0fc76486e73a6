use std::{
    io::{self, Read},
    path::Path,
};

use crate::{
    Error, Limits, Manifest,
    package::MANIFEST,
    read_manifest,
    seekable::{FrameReader, Frames},
    tar::TarReader,
};

/// Reads the manifest out of a stored image. What stands before it is skipped, not decompressed.
///
/// It is what the publisher wrote: `boot_package` is empty where that was left to the APK.
pub fn read_image_manifest(path: &Path) -> Result<Manifest, Error> {
    let frames = Frames::open(path)?;
    let mut tar = TarReader::new(FrameReader::new(frames));
    let damaged = |error: io::Error| Error::damaged(path.display().to_string(), error);
    while let Some(member) = tar.next_member().map_err(damaged)? {
        if member.path != MANIFEST.as_bytes() {
            continue;
        }
        let mut text = String::new();
        let limit = Limits::default().manifest_size;
        tar.take(limit).read_to_string(&mut text).map_err(damaged)?;
        return Ok(read_manifest(&text)?);
    }
    Err(Error::NoManifest { found: None })
}
