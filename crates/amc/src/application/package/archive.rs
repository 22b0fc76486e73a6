//! Packing a folder into a zip archive.
//!
//! For a remote AMS the archive is a file without a name: it disappears with the command, however that
//! ends. For an AMS on this machine there is no file at all. Memory does not grow with the package.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use aar_cli::Progress;
use aar_types::ApplicationName;
use anyhow::Context;
use fs_err as fs;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::folder::{FileKind, entries, name, target};

const MANIFEST: &str = "manifest.yaml";
const APK: &str = "app.apk";
const FILE_MODE: u32 = 0o644;
const BUFFER: usize = 256 * 1024;
/// AMS packs the image again, so compression only has to pay for itself on the network.
const FASTEST: i64 = 1;
/// From this size on, an entry needs the ZIP64 format.
const LARGE: u64 = u32::MAX as u64;
/// Extensions of files that do not shrink when they are compressed again.
const COMPRESSED: &[&str] = &[
    "7z", "aab", "apk", "apks", "br", "bz2", "gif", "gz", "jar", "jpeg", "jpg", "m4a", "mp3",
    "mp4", "obb", "ogg", "png", "webm", "webp", "xz", "zip", "zst",
];

/// Packs the folder into a nameless file in `scratch`, which is created if it is missing. Blocks.
pub(super) fn pack(folder: &Path, scratch: &Path, progress: &Progress) -> anyhow::Result<File> {
    let packed = |bytes| progress.advance_by(bytes);
    let archive = scratch_archive(scratch)?;
    finish(Packer::new(archive, true, &packed).pack(folder)?)
}

/// Packs an APK, with a manifest that has nothing but a name, into a nameless file in `scratch`. Blocks.
pub(super) fn pack_apk(
    apk: &Path,
    name: &ApplicationName,
    scratch: &Path,
    progress: &Progress,
) -> anyhow::Result<File> {
    let packed = |bytes| progress.advance_by(bytes);
    let archive = scratch_archive(scratch)?;
    finish(Packer::new(archive, true, &packed).pack_apk(apk, name)?)
}

fn scratch_archive(scratch: &Path) -> anyhow::Result<ZipWriter<BufWriter<File>>> {
    fs::create_dir_all(scratch)?;
    let file = tempfile::tempfile_in(scratch)
        .with_context(|| format!("cannot create a temporary file in {}", scratch.display()))?;
    Ok(ZipWriter::new(BufWriter::with_capacity(BUFFER, file)))
}

fn finish(writer: BufWriter<File>) -> anyhow::Result<File> {
    let file = writer.into_inner();
    Ok(file.map_err(io::IntoInnerError::into_error)?)
}

/// Packs the folder into `out` for an AMS on this machine, uncompressed: compression takes longer than
/// copying. Blocks.
pub(super) fn stream(folder: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let archive = ZipWriter::new_stream(out);
    Packer::new(archive, false, &|_| ()).pack(folder)?.flush()?;
    Ok(())
}

/// Packs an APK into `out`, like [`stream`]. Blocks.
pub(super) fn stream_apk(
    apk: &Path,
    name: &ApplicationName,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let archive = ZipWriter::new_stream(out);
    let packer = Packer::new(archive, false, &|_| ());
    packer.pack_apk(apk, name)?.flush()?;
    Ok(())
}

struct Packer<'a, W: Write + Seek> {
    archive: ZipWriter<W>,
    buffer: Vec<u8>,
    compress: bool,
    /// Is called with the number of bytes in each packed piece.
    packed: &'a dyn Fn(u64),
}

impl<'a, W: Write + Seek> Packer<'a, W> {
    fn new(archive: ZipWriter<W>, compress: bool, packed: &'a dyn Fn(u64)) -> Self {
        Self {
            archive,
            buffer: vec![0; BUFFER],
            compress,
            packed,
        }
    }

    fn pack(mut self, folder: &Path) -> anyhow::Result<W> {
        self.add_folder(folder, "")?;
        Ok(self.archive.finish()?)
    }

    fn pack_apk(mut self, apk: &Path, name: &ApplicationName) -> anyhow::Result<W> {
        let manifest = format!("name: '{name}'\n");
        let options = self.options(MANIFEST, manifest.len() as u64, FILE_MODE);
        self.archive.start_file(MANIFEST, options)?;
        self.archive.write_all(manifest.as_bytes())?;
        let options = self.options(APK, fs::metadata(apk)?.len(), FILE_MODE);
        self.archive.start_file(APK, options)?;
        self.copy(apk)?;
        Ok(self.archive.finish()?)
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        for path in entries(folder)? {
            let name = format!("{prefix}{}", name(&path)?);
            self.add(&path, &name)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: &str) -> anyhow::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        let options = self.options(name, metadata.len(), metadata.permissions().mode());
        match FileKind::of(path, &metadata)? {
            FileKind::Folder => {
                self.archive.add_directory(format!("{name}/"), options)?;
                self.add_folder(path, &format!("{name}/"))
            }
            FileKind::File => {
                self.archive.start_file(name, options)?;
                self.copy(path)
            }
            FileKind::Symlink => {
                let target = target(path)?;
                Ok(self.archive.add_symlink(name, &target, options)?)
            }
        }
    }

    fn options(&self, name: &str, size: u64, mode: u32) -> SimpleFileOptions {
        let options = SimpleFileOptions::default()
            .unix_permissions(mode & 0o777)
            .large_file(size >= LARGE);
        if !self.compress || is_compressed(name) {
            options.compression_method(CompressionMethod::Stored)
        } else {
            options
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(FASTEST))
        }
    }

    fn copy(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut file = BufReader::with_capacity(0, fs::File::open(path)?);
        loop {
            let count = io::Read::read(&mut file, &mut self.buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.archive.write_all(&self.buffer[..count])?;
            (self.packed)(count as u64);
        }
    }
}

fn is_compressed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| COMPRESSED.contains(&extension))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use aar_cli::Printer;
    use zip::ZipArchive;

    use super::{super::folder::size, *};

    fn progress() -> Progress {
        Printer::captured().0.progress("packing", None)
    }

    fn package() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), "name: app\n").unwrap();
        fs::write(folder.path().join("app.apk"), [7; 3000]).unwrap();
        fs::create_dir_all(folder.path().join("hooks/empty")).unwrap();
        let hook = folder.path().join("hooks/pre-start");
        fs::write(&hook, "#!/bin/sh\n".repeat(100)).unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn streamed_archive_contains_everything_uncompressed() {
        let folder = package();
        let mut bytes = Vec::new();
        stream(folder.path(), &mut bytes).unwrap();
        let mut archive = ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), 5);
        let mut hook = archive.by_name("hooks/pre-start").unwrap();
        assert_eq!(hook.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(hook.compression(), CompressionMethod::Stored);
        let mut text = String::new();
        hook.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\n".repeat(100));
        let sizes = 3000 + text.len() + "name: app\n".len();
        assert_eq!(size(folder.path()).unwrap(), sizes as u64);
    }

    #[test]
    fn packed_archive_contains_everything() {
        let (folder, scratch) = (package(), tempfile::tempdir().unwrap());
        let progress = progress();
        let file = pack(folder.path(), &scratch.path().join("new"), &progress).unwrap();
        let mut archive = ZipArchive::new(file).unwrap();
        let names: Vec<_> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        let expected = [
            "app.apk",
            "hooks/",
            "hooks/empty/",
            "hooks/pre-start",
            MANIFEST,
        ];
        assert_eq!(names, expected);
        let mut hook = archive.by_name("hooks/pre-start").unwrap();
        assert_eq!(hook.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(hook.compression(), CompressionMethod::Deflated);
        let mut text = String::new();
        hook.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\n".repeat(100));
        drop(hook);
        let apk = archive.by_name("app.apk").unwrap();
        assert_eq!(apk.compression(), CompressionMethod::Stored);
        assert_eq!(progress.position(), 3000 + 1000 + 10);
    }

    #[test]
    fn apk_is_packed_with_a_manifest_of_its_name() {
        let (folder, scratch) = (package(), tempfile::tempdir().unwrap());
        let apk = folder.path().join("app.apk");
        // Unquoted, this name would be a number.
        let name = "1e3".parse().unwrap();
        let file = pack_apk(&apk, &name, scratch.path(), &progress()).unwrap();
        let mut streamed = Vec::new();
        stream_apk(&apk, &name, &mut streamed).unwrap();
        let streamed = tempfile::tempfile().and_then(|mut file| {
            file.write_all(&streamed)?;
            Ok(file)
        });
        for file in [file, streamed.unwrap()] {
            let mut archive = ZipArchive::new(file).unwrap();
            let mut text = String::new();
            let mut manifest = archive.by_name(MANIFEST).unwrap();
            manifest.read_to_string(&mut text).unwrap();
            drop(manifest);
            assert_eq!(text, "name: '1e3'\n");
            assert_eq!(archive.by_name(APK).unwrap().size(), 3000);
        }
    }

    #[test]
    fn packed_archive_leaves_no_file_in_the_scratch_folder() {
        let (folder, scratch) = (package(), tempfile::tempdir().unwrap());
        let file = pack(folder.path(), scratch.path(), &progress()).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        drop(file);
    }
}
