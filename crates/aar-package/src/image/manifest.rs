use std::{
    io::{self, Read},
    path::Path,
};

use crate::{
    Error, Limits, Manifest,
    manifest::FILE_NAME,
    manifest::decode,
    read_manifest,
    seekable::{FrameReader, SeekableFile},
    tar::TarReader,
};

/// Reads the manifest of a stored image. The frames before it are skipped, not decompressed.
///
/// The manifest is the one that the publisher wrote: `boot_package` is empty where the APK
/// determines it.
pub fn read_image_manifest(path: &Path) -> Result<Manifest, Error> {
    let file = SeekableFile::open(path)?;
    let mut tar = TarReader::new(FrameReader::new(file));
    let damaged = |error: io::Error| Error::damaged(path.display().to_string(), error);
    while let Some(entry) = tar.next_entry().map_err(damaged)? {
        if entry.path != FILE_NAME.as_bytes() {
            continue;
        }
        let mut text = Vec::new();
        let limit = Limits::default().manifest_size;
        tar.take(limit).read_to_end(&mut text).map_err(damaged)?;
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let text = decode(text).ok_or_else(invalid).map_err(damaged)?;
        return Ok(read_manifest(&text)?);
    }
    Err(Error::NoManifest { nested: None })
}
