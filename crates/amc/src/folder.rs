//! Packs a folder into a zip archive, so that it can be uploaded.
//!
//! The archive is a file without a name: it is gone with the command, however that ends. Memory
//! does not grow with the package.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Progress};
use anyhow::{Context, bail};
use fs_err as fs;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const MANIFEST: &str = "manifest.yaml";
const BUFFER: usize = 256 * 1024;
/// The time that counts most on the way to AMS is that of the line; AMS packs the image anew.
const FASTEST: i64 = 1;
/// From this size on, an entry needs the large form of the format.
const LARGE: u64 = u32::MAX as u64;
/// What does not get smaller by being compressed again.
const COMPRESSED: &[&str] = &[
    "7z", "aab", "apk", "apks", "br", "bz2", "gif", "gz", "jar", "jpeg", "jpg", "m4a", "mp3",
    "mp4", "obb", "ogg", "png", "webm", "webp", "xz", "zip", "zst",
];

/// Refuses a folder that cannot be a package, before any of it is packed.
pub(crate) fn check(folder: &Path) -> Result<(), Failure> {
    if folder.join(MANIFEST).is_file() {
        return Ok(());
    }
    let failure = Failure::new(format!("{} holds no {MANIFEST}", folder.display()));
    let wrapped = only_folder(folder).filter(|inner| inner.join(MANIFEST).is_file());
    Err(match wrapped {
        Some(inner) => failure.with_hint(format!("did you mean {}?", inner.display())),
        None => failure.with_hint(format!(
            "a package is a folder with a {MANIFEST} that says at least `name: NAME`"
        )),
    })
}

fn only_folder(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    match (entries.next(), entries.next()) {
        (Some(only), None) => Some(only.path()).filter(|path| path.is_dir()),
        _ => None,
    }
}

/// Packs the folder. The archive lies in `scratch`, which is made where it is missing. Blocks.
pub(crate) fn pack(folder: &Path, scratch: &Path, progress: &Progress) -> anyhow::Result<File> {
    fs::create_dir_all(scratch)?;
    let file = tempfile::tempfile_in(scratch)
        .with_context(|| format!("cannot make a file in {}", scratch.display()))?;
    let mut packer = Packer {
        archive: ZipWriter::new(BufWriter::with_capacity(BUFFER, file)),
        buffer: vec![0; BUFFER],
        progress,
    };
    packer.add_folder(folder, "")?;
    let writer = packer.archive.finish()?;
    Ok(writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?)
}

struct Packer<'a> {
    archive: ZipWriter<BufWriter<File>>,
    buffer: Vec<u8>,
    progress: &'a Progress,
}

impl Packer<'_> {
    fn add_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(OsStr::to_str) else {
                bail!("the name of {} is not UTF-8", path.display());
            };
            self.add(&path, &format!("{prefix}{name}"))?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: &str) -> anyhow::Result<()> {
        let facts = fs::symlink_metadata(path)?;
        let options = options(name, facts.len(), facts.permissions().mode());
        if facts.is_dir() {
            self.archive.add_directory(format!("{name}/"), options)?;
            self.add_folder(path, &format!("{name}/"))
        } else if facts.is_file() {
            self.archive.start_file(name, options)?;
            self.copy(path)
        } else if facts.is_symlink() {
            let target = fs::read_link(path)?;
            let target = target
                .to_str()
                .context("a link leads to a name that is not UTF-8")?;
            Ok(self.archive.add_symlink(name, target, options)?)
        } else {
            bail!("{} is neither a file nor a folder", path.display())
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
            self.progress.advance_by(count as u64);
        }
    }
}

fn options(name: &str, size: u64, mode: u32) -> SimpleFileOptions {
    let options = SimpleFileOptions::default()
        .unix_permissions(mode & 0o777)
        .large_file(size >= LARGE);
    if is_compressed(name) {
        options.compression_method(CompressionMethod::Stored)
    } else {
        options
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(FASTEST))
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

    use super::*;

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
    fn a_folder_is_packed_with_everything_in_it() {
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
    fn nothing_is_left_behind() {
        let (folder, scratch) = (package(), tempfile::tempdir().unwrap());
        let file = pack(folder.path(), scratch.path(), &progress()).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        drop(file);
    }

    #[test]
    fn a_folder_without_manifest_is_refused_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let failure = check(folder.path()).unwrap_err();
        assert!(failure.message().ends_with("holds no manifest.yaml"));
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join(MANIFEST), "name: app\n").unwrap();
        let failure = check(folder.path()).unwrap_err();
        assert!(failure.hint().unwrap().contains("inner"), "{failure:?}");
        check(&inner).unwrap();
    }
}
