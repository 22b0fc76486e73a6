use std::{
    io::{self, Write},
    path::Path,
    sync::atomic::AtomicBool,
};

use aar_types::ImageInfo;

use crate::{
    Error, Manifest,
    manifest::FILE_NAME,
    progress::ImageProgress,
    seekable::{FrameReader, SeekableFile, write_image},
    tar::{TarEntry, TarEntryType, TarReader, TarWriter},
};

/// Copies an image and replaces its manifest.
///
/// `progress` is called with the number of content bytes written so far. When writing fails or is
/// cancelled, the file `to` is removed.
pub fn rewrite_image(
    from: &Path,
    manifest: &Manifest,
    to: &Path,
    progress: &dyn Fn(u64),
    cancelled: &AtomicBool,
) -> Result<ImageInfo, Error> {
    let file = SeekableFile::open(from)?;
    let manifest = manifest.to_yaml();
    let progress = ImageProgress::new(progress, cancelled);
    let damaged = |error| Error::damaged(from.display().to_string(), error);
    write_image(to, |out| {
        let mut input = TarReader::new(FrameReader::new(file));
        let mut output = TarWriter::new(out);
        let mut replaced = false;
        while let Some(entry) = input.next_entry().map_err(damaged)? {
            progress.check_cancelled()?;
            replaced |= entry.path == FILE_NAME.as_bytes();
            copy_entry(&mut input, entry, &manifest, &mut output, &progress)
                .map_err(|error| progress.cancelled_or(damaged(error)))?;
        }
        output.finish()?;
        if replaced {
            Ok(())
        } else {
            Err(Error::NoManifest { nested: None })
        }
    })
}

/// Copies an entry. The order of entries stays canonical, because no path changes.
fn copy_entry(
    input: &mut TarReader<FrameReader>,
    entry: TarEntry,
    manifest: &str,
    output: &mut TarWriter<&mut dyn Write>,
    progress: &ImageProgress<'_>,
) -> io::Result<()> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(io::Error::other);
    let path = text(entry.path)?;
    let copied = &mut |count| progress.advance(count);
    match entry.entry_type {
        TarEntryType::Folder => output.folder(path.trim_end_matches('/')),
        TarEntryType::Symlink(target) => output.symlink(&path, &text(target)?),
        TarEntryType::File if path == FILE_NAME => {
            let size = manifest.len() as u64;
            output.file(&path, false, size, &mut manifest.as_bytes(), copied)
        }
        TarEntryType::File => {
            let executable = entry.mode & 0o100 != 0;
            output.file(&path, executable, entry.size, input, copied)
        }
        TarEntryType::HardLink(_) => Err(io::Error::other(format!("{path} is a hard link"))),
        TarEntryType::Unsupported(name) => Err(io::Error::other(format!("{path} is a {name}"))),
    }
}
