//! Tells formats apart: by content first, by name where content says nothing.

use std::{
    io::{self, Read, Seek},
    path::Path,
};

use fs_err as fs;

use crate::Error;

/// A format that packages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    Tar,
    TarBzip2,
    TarZstd,
}

/// What begins how. Formats that packages do not come in are there for the message.
const BEGINNINGS: &[(&[u8], Result<Format, &str>)] = &[
    (b"PK\x03\x04", Ok(Format::Zip)),
    (b"PK\x05\x06", Ok(Format::Zip)),
    (b"BZh", Ok(Format::TarBzip2)),
    (b"\x28\xb5\x2f\xfd", Ok(Format::TarZstd)),
    (b"\x1f\x8b", Err("a gzip file")),
    (b"\xfd7zXZ\0", Err("an xz file")),
    (b"7z\xbc\xaf\x27\x1c", Err("a 7z file")),
    (b"Rar!", Err("a rar file")),
];

/// Where tar files since 1988 say that they are.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

pub(super) fn format(file: &mut fs::File, path: &Path) -> Result<Format, Error> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    file.rewind()?;
    by_content(&start)
        .unwrap_or_else(|| by_name(path, &start))
        .map_err(|found| Error::Format {
            path: path.to_owned(),
            found: found.to_owned(),
        })
}

fn by_content(start: &[u8]) -> Option<Result<Format, &'static str>> {
    let (offset, magic) = TAR_MAGIC;
    if start
        .get(offset..)
        .is_some_and(|rest| rest.starts_with(magic))
    {
        return Some(Ok(Format::Tar));
    }
    let known = BEGINNINGS
        .iter()
        .find(|(beginning, _)| start.starts_with(beginning));
    known.map(|(_, format)| *format)
}

/// Only tar files from before 1988 do not say what they are.
fn by_name(path: &Path, start: &[u8]) -> Result<Format, &'static str> {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        _ if start.is_empty() => Err("an empty file"),
        Some("tar") => Ok(Format::Tar),
        Some("zip") => Err("named like a zip file, but is none"),
        Some("bz2") => Err("named like a bzip2 file, but is none"),
        Some("zst") => Err("named like a Zstandard file, but is none"),
        _ => Err("a file of an unknown format"),
    }
}

/// A buffer that suits large files.
pub(super) const BUFFER: usize = 256 << 10;

/// The reader of the tar file inside.
pub(super) fn decompress(file: fs::File, format: Format) -> io::Result<Box<dyn Read>> {
    let file = io::BufReader::with_capacity(BUFFER, file);
    Ok(match format {
        Format::Zip | Format::Tar => Box::new(file),
        Format::TarBzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        Format::TarZstd => {
            let mut decoder = zstd::Decoder::with_buffer(file)?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// Decompressing takes this much memory, as a power of two; 32 MiB is beyond what `zstd -19` uses.
const MAX_WINDOW_LOG: u32 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(name: &str, content: &[u8]) -> Result<Format, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let mut file = fs::File::open(&path).unwrap();
        format(&mut file, Path::new(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn content_decides_whatever_the_name_says() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (content, format) in [
            (&b"PK\x03\x04...."[..], Format::Zip),
            (b"BZh91AY", Format::TarBzip2),
            (b"\x28\xb5\x2f\xfd..", Format::TarZstd),
            (&tar, Format::Tar),
        ] {
            for name in ["a", "a.zip", "a.tar.bz2", "a.apk"] {
                assert_eq!(detect(name, content), Ok(format), "{name}");
            }
        }
    }

    #[test]
    fn the_name_helps_where_content_says_nothing() {
        assert_eq!(detect("old.tar", b"some name"), Ok(Format::Tar));
        for (name, content, found) in [
            ("a.zip", &b""[..], "an empty file"),
            ("a.zip", b"text", "named like a zip file, but is none"),
            ("a", b"text", "a file of an unknown format"),
            ("a.tgz", b"\x1f\x8b\x08", "a gzip file"),
        ] {
            let expected = format!(
                "{name} is not a package: {found}; a package is a folder, a .zip or a .tar.bz2"
            );
            assert_eq!(detect(name, content), Err(expected));
        }
    }
}
