//! Detecting the format of an archive: by its content, or by its name where the content has no
//! magic number.

use std::{
    io::{self, Read, Seek},
    path::Path,
};

use fs_err as fs;

use super::bzip2_streams::Bzip2Streams;
use crate::{Error, tar::has_checksum, zip_directory::find_end};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArchiveFormat {
    Zip,
    Tar,
    TarBzip2,
    TarZstd,
}

/// The magic numbers of archives. Unsupported formats are listed to be named in the error.
const MAGIC: &[(&[u8], Result<ArchiveFormat, &str>)] = &[
    (b"PK\x03\x04", Ok(ArchiveFormat::Zip)),
    (b"PK\x05\x06", Ok(ArchiveFormat::Zip)),
    // The mark of an archive that was to be split.
    (b"PK00PK\x03\x04", Ok(ArchiveFormat::Zip)),
    (b"PK\x07\x08PK\x03\x04", Ok(ArchiveFormat::Zip)),
    (b"BZh", Ok(ArchiveFormat::TarBzip2)),
    (b"\x28\xb5\x2f\xfd", Ok(ArchiveFormat::TarZstd)),
    (
        b"\x1f\x8b",
        Err("a gzip file, which `tar cjf` in place of `tar czf` avoids"),
    ),
    (
        b"\xfd7zXZ\0",
        Err("an xz file, which `tar cjf` in place of `tar cJf` avoids"),
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        Err("a 7z file, whose content can be packed as .zip"),
    ),
    (
        b"Rar!",
        Err("a rar file, whose content can be packed as .zip"),
    ),
    (
        b"LZIP",
        Err("an lzip file, which `tar cjf` in place of `tar --lzip` avoids"),
    ),
    (
        b"\x5d\0\0",
        Err("an lzma file, which `tar cjf` in place of `tar --lzma` avoids"),
    ),
    (
        b"\x89LZO",
        Err("an lzop file, which `tar cjf` in place of `tar --lzop` avoids"),
    ),
    (
        b"\x1f\x9d",
        Err("a file of `compress`, which `tar cjf` in place of `tar cZf` avoids"),
    ),
    (
        b"\x04\x22\x4d\x18",
        Err("an lz4 file, whose content can be packed with `tar cjf`"),
    ),
    (
        b"MSCF",
        Err("a cabinet file, whose content can be packed as .zip"),
    ),
    (
        b"xar!",
        Err("a xar file, whose content can be packed as .zip"),
    ),
    (
        b"07070",
        Err("a cpio file, whose content can be packed with `tar cjf`"),
    ),
    (
        b"!<arch>\n",
        Err("an ar file or a Debian package, whose content can be packed with `tar cjf`"),
    ),
    (
        b"version https://git-lfs",
        Err("a Git LFS pointer, for whose content `git lfs pull` is needed"),
    ),
];

/// The offset and the magic number of tar files. Tar files from before 1988 have none.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

pub(super) fn format(file: &mut fs::File, path: &Path) -> Result<ArchiveFormat, Error> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    let format = match by_content(&start) {
        Some(format) => format,
        // A program that unpacks itself, or the last part of a split archive.
        None if find_end(file)?.is_some() => Ok(ArchiveFormat::Zip),
        None => by_name(path, &start),
    };
    file.rewind()?;
    format.map_err(|found| Error::Format {
        path: path.to_owned(),
        found: found.to_owned(),
    })
}

fn by_content(start: &[u8]) -> Option<Result<ArchiveFormat, &'static str>> {
    let (offset, magic) = TAR_MAGIC;
    let tar = start.get(offset..);
    if tar.is_some_and(|rest| rest.starts_with(magic)) {
        return Some(Ok(ArchiveFormat::Tar));
    }
    let known = MAGIC.iter().find(|(magic, _)| start.starts_with(magic));
    let old_tar = || is_tar_block(start).then_some(Ok(ArchiveFormat::Tar));
    let format = known.map(|(_, format)| *format).or_else(old_tar)?;
    Some(format.and_then(|format| match zstd_window(start) {
        Some(log) if log > MAX_WINDOW_LOG => Err(
            "a Zstandard file that takes more than 32 MiB of memory, which `zstd` without \
             `--long` and `--ultra` avoids",
        ),
        _ => Ok(format),
    }))
}

/// Whether a block is the start of a tar file: a header, or the end marker of an empty one.
fn is_tar_block(block: &[u8]) -> bool {
    has_checksum(block) || block.len() == 512 && block.iter().all(|byte| *byte == 0)
}

/// The base 2 logarithm of the memory for decompression that a Zstandard frame declares.
fn zstd_window(start: &[u8]) -> Option<u32> {
    let [descriptor, window, ..] = *start.strip_prefix(b"\x28\xb5\x2f\xfd")? else {
        return None;
    };
    let has_window = descriptor & 0x20 == 0;
    has_window.then(|| 10 + u32::from(window >> 3))
}

fn by_name(path: &Path, start: &[u8]) -> Result<ArchiveFormat, &'static str> {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        _ if start.is_empty() => Err("an empty file"),
        Some("tar") => Ok(ArchiveFormat::Tar),
        Some("zip") => Err("it has the extension of a zip file, but another content"),
        Some("bz2") => Err("it has the extension of a bzip2 file, but another content"),
        Some("zst") => Err("it has the extension of a Zstandard file, but another content"),
        _ => Err("a file of an unknown format"),
    }
}

pub(super) const BUFFER: usize = 256 << 10;

/// The memory for decompression, as a power of two. `zstd -19` needs less than these 32 MiB.
const MAX_WINDOW_LOG: u32 = 25;

/// The content of a compressed tar file. A compressed file of anything else is refused.
pub(super) fn decompress(file: fs::File, format: ArchiveFormat) -> Result<Box<dyn Read>, Error> {
    let path = file.path().to_owned();
    let damaged = |error| Error::damaged("its start", error);
    let mut content = decoder(file, format).map_err(damaged)?;
    let mut start = Vec::new();
    let first = content.by_ref().take(512).read_to_end(&mut start);
    first.map_err(damaged)?;
    if !is_tar_block(&start) {
        let found = "a compressed file that holds no tar archive".to_owned();
        return Err(Error::Format { path, found });
    }
    Ok(Box::new(io::Cursor::new(start).chain(content)))
}

fn decoder(file: fs::File, format: ArchiveFormat) -> io::Result<Box<dyn Read>> {
    let file = io::BufReader::with_capacity(BUFFER, file);
    Ok(match format {
        ArchiveFormat::Zip | ArchiveFormat::Tar => Box::new(file),
        ArchiveFormat::TarBzip2 => Box::new(Bzip2Streams::new(file)),
        ArchiveFormat::TarZstd => {
            let mut decoder = zstd::Decoder::with_buffer(file)?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(name: &str, content: &[u8]) -> Result<ArchiveFormat, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let mut file = fs::File::open(&path).unwrap();
        format(&mut file, Path::new(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn format_is_detected_by_content_under_any_name() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (content, format) in [
            (&b"PK\x03\x04...."[..], ArchiveFormat::Zip),
            (b"BZh91AY", ArchiveFormat::TarBzip2),
            (b"\x28\xb5\x2f\xfd..", ArchiveFormat::TarZstd),
            (&tar, ArchiveFormat::Tar),
        ] {
            for name in ["a", "a.zip", "a.tar.bz2", "a.apk"] {
                assert_eq!(detect(name, content), Ok(format), "{name}");
            }
        }
    }

    #[test]
    fn format_without_magic_number_is_detected_by_name() {
        assert_eq!(detect("old.tar", b"some name"), Ok(ArchiveFormat::Tar));
        for (name, content, found) in [
            ("a.zip", &b""[..], "an empty file"),
            (
                "a.zip",
                b"text",
                "it has the extension of a zip file, but another content",
            ),
            ("a", b"text", "a file of an unknown format"),
            (
                "a.tgz",
                b"\x1f\x8b\x08",
                "a gzip file, which `tar cjf` in place of `tar czf` avoids",
            ),
            (
                "a.lz",
                b"LZIP\x01",
                "an lzip file, which `tar cjf` in place of `tar --lzip` avoids",
            ),
            (
                "a.rar",
                b"Rar!\x1a\x07",
                "a rar file, whose content can be packed as .zip",
            ),
            (
                "a.cpio",
                b"070701",
                "a cpio file, whose content can be packed with `tar cjf`",
            ),
        ] {
            let expected = format!(
                "{name} is not a package: {found}; a package is a folder, a .zip or a .tar.bz2"
            );
            assert_eq!(detect(name, content), Err(expected));
        }
    }
}
